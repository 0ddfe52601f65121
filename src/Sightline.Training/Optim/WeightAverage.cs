using Sightline.Nn;
using Sightline.Tensors;

namespace Sightline.Training.Optim;

/// <summary>A running average of a model's weights (exponential moving average); starts as a copy.</summary>
public sealed class WeightAverage : IDisposable
{
    private readonly List<(Parameter Parameter, Tensor Average)> _averages = [];

    private readonly Action? _swapped;

    /// <summary>Copies all parameters that are trainable now: a frozen one is its own average, to the last bit.</summary>
    /// <param name="parameters">The model's, or this process's part of them.</param>
    /// <param name="swapped">Told after each <see cref="Swap"/>: where several processes average a part each, it hands out the weights.</param>
    public WeightAverage(IEnumerable<Parameter> parameters, Action? swapped = null)
    {
        _swapped = swapped;
        foreach (var parameter in parameters.Where(parameter => parameter.Value.RequiresGrad)) _averages.Add((parameter, parameter.Value.Clone().AsParameter(requiresGrad: false)));
    }

    /// <summary>average = decay · average + (1 - decay) · value.</summary>
    public void Update(double decay)
    {
        foreach (var (parameter, average) in _averages) average.Engine.MoveAverage(average, parameter.Value, (float)decay);
    }

    /// <summary>Puts the averages in place of the weights, or back: calling it twice changes nothing.</summary>
    public void Swap()
    {
        foreach (var (parameter, average) in _averages)
        {
            using var scope = TensorScope.Open();
            var held = parameter.Value.Clone();
            average.Engine.Copy(average, parameter.Value);
            average.Engine.Copy(held, average);
        }

        _swapped?.Invoke();
    }

    /// <summary>The averages by parameter path, for saving.</summary>
    public IEnumerable<(string Name, Tensor Value)> State() => _averages.Select(entry => (entry.Parameter.Path, entry.Average));

    /// <summary>Frees the averages.</summary>
    public void Dispose()
    {
        foreach (var (_, average) in _averages) average.Dispose();
        _averages.Clear();
    }
}
