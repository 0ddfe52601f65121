using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Optim;

namespace Sightline.Training.Optim;

/// <summary>Gradient descent with momentum over the trainable parameters of a model, as torch.optim.SGD. Float32 weights.</summary>
public sealed class Sgd : IDisposable
{
    private readonly List<(Parameter Parameter, Tensor? Velocity)> _slots = [];
    private readonly double _momentum;
    private readonly double _weightDecay;
    private readonly bool _nesterov;

    /// <summary>Makes zero velocities for every parameter that is trainable now.</summary>
    /// <param name="parameters">The model's parameters.</param>
    /// <param name="momentum">Decay of the velocity; 0 for none.</param>
    /// <param name="weightDecay">Added to the gradient, times the weight.</param>
    /// <param name="nesterov">Look ahead by one velocity.</param>
    public Sgd(IEnumerable<Parameter> parameters, double momentum = 0, double weightDecay = 0, bool nesterov = false)
    {
        (_momentum, _weightDecay, _nesterov) = (momentum, weightDecay, nesterov);
        foreach (var parameter in parameters)
        {
            if (!parameter.Value.RequiresGrad) continue;
            _slots.Add((parameter, momentum == 0 ? null : Tensor.Zeros(parameter.Value.Shape, engine: parameter.Value.Engine).AsParameter(requiresGrad: false)));
        }
    }

    /// <summary>Updates made so far.</summary>
    public int Steps { get; set; }

    /// <summary>One update; gradients are multiplied by <paramref name="gradientScale"/> first.</summary>
    public void Step(double learningRate, double gradientScale = 1)
    {
        Steps++;
        var settings = new SgdSettings(learningRate, _momentum, _weightDecay, _nesterov, (float)gradientScale);
        foreach (var (parameter, velocity) in _slots)
        {
            if (parameter.Value.Grad is { } gradient) gradient.Engine.SgdStep(parameter.Value, gradient, velocity, settings);
        }
    }

    /// <summary>The state by name, for saving; the tensors stay this optimizer's.</summary>
    public IEnumerable<(string Name, Tensor Value)> State() => _slots.Where(slot => slot.Velocity is not null).Select(slot => ($"{slot.Parameter.Path}.velocity", slot.Velocity!));

    /// <summary>Frees the state.</summary>
    public void Dispose()
    {
        foreach (var (_, velocity) in _slots) velocity?.Dispose();
        _slots.Clear();
    }
}
