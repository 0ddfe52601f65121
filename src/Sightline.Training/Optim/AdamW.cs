using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Optim;

namespace Sightline.Training.Optim;

/// <summary>What all parameters share.</summary>
/// <param name="Beta1">Decay of the mean gradient.</param>
/// <param name="Beta2">Decay of the mean squared gradient.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="Decoupled">False: the decay is added to the gradient (Adam with L2).</param>
/// <param name="Amsgrad">Divide by the largest squared gradient so far (Reddi et al. 2018).</param>
public sealed record AdamWOptions(double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, bool Decoupled = true, bool Amsgrad = false);

/// <summary>
/// AdamW (Loshchilov, Hutter 2019) over the trainable parameters of a model. Learning rate and decay can differ by parameter. The state
/// is two tensors a parameter (and float32 master weights where the model's have 16 bits), saved and restored by name.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly List<Slot> _slots = [];
    private readonly AdamWOptions _options;

    /// <summary>Makes zero state for every parameter that is trainable now.</summary>
    /// <param name="parameters">The model's parameters.</param>
    /// <param name="options">Shared settings.</param>
    /// <param name="learningRateFactor">Factor on the learning rate by parameter; null: 1.</param>
    /// <param name="weightDecay">Decoupled weight decay by parameter; null: none.</param>
    public AdamW(IEnumerable<Parameter> parameters, AdamWOptions options, Func<Parameter, double>? learningRateFactor = null, Func<Parameter, double>? weightDecay = null)
    {
        _options = options;
        foreach (var parameter in parameters)
        {
            if (!parameter.Value.RequiresGrad) continue;
            _slots.Add(new Slot(
                parameter,
                Zeros(parameter.Value),
                Zeros(parameter.Value),
                options.Amsgrad ? Zeros(parameter.Value) : null,
                MasterOf(parameter.Value),
                learningRateFactor?.Invoke(parameter) ?? 1,
                weightDecay?.Invoke(parameter) ?? 0));
        }
    }

    /// <summary>Updates made so far.</summary>
    public int Steps { get; set; }

    /// <summary>
    /// One update. Parameters without a gradient are left as they are. Gradients are multiplied by
    /// <paramref name="gradientScale"/> first.
    /// </summary>
    public void Step(double learningRate, double gradientScale = 1)
    {
        Steps++;
        foreach (var slot in _slots)
        {
            if (slot.Parameter.Value.Grad is not { } gradient) continue;
            var settings = new AdamWSettings(
                learningRate * slot.LearningRateFactor, _options.Beta1, _options.Beta2, _options.Epsilon, slot.WeightDecay, Steps, (float)gradientScale, _options.Decoupled);
            var weights = slot.Parameter.Value;
            gradient.Engine.AdamWStep(slot.Master ?? weights, gradient, slot.First, slot.Second, settings, slot.Largest, slot.Master is null ? null : weights);
        }
    }

    /// <summary>The state by name, for saving; the tensors stay this optimizer's.</summary>
    public IEnumerable<(string Name, Tensor Value)> State()
    {
        foreach (var slot in _slots)
        {
            yield return ($"{slot.Parameter.Path}.first", slot.First);
            yield return ($"{slot.Parameter.Path}.second", slot.Second);
            if (slot.Largest is not null) yield return ($"{slot.Parameter.Path}.largest", slot.Largest);
            if (slot.Master is not null) yield return ($"{slot.Parameter.Path}.master", slot.Master);
        }
    }

    /// <summary>Frees the state.</summary>
    public void Dispose()
    {
        foreach (var slot in _slots)
        {
            slot.First.Dispose();
            slot.Second.Dispose();
            slot.Largest?.Dispose();
            slot.Master?.Dispose();
        }

        _slots.Clear();
    }

    private static Tensor Zeros(Tensor weights) => Tensor.Zeros(weights.Shape, engine: weights.Engine).AsParameter(requiresGrad: false);

    /// <summary>Small steps vanish in 16 bits: they are taken on a float32 copy, which is rounded into the model after each.</summary>
    private static Tensor? MasterOf(Tensor weights)
    {
        if (weights.DType == DType.Float32) return null;
        var master = Tensor.Empty(weights.Shape, engine: weights.Engine).AsParameter(requiresGrad: false);
        weights.Engine.Cast(weights, master);
        return master;
    }

    private sealed record Slot(Parameter Parameter, Tensor First, Tensor Second, Tensor? Largest, Tensor? Master, double LearningRateFactor, double WeightDecay);
}
