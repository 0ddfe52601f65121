using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Optim;

namespace Sightline.Training.Optim;

/// <summary>
/// Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): momentum whose matrix is replaced by the nearest
/// semi-orthogonal one, so that every direction of a layer learns at one pace. For matrices between features only; tables, norms and
/// biases are <see cref="AdamW"/>'s. Updates are scaled by a constant times √max(rows, columns) (Liu et al. 2025, "Muon is scalable for LLM training", section 2.2),
/// so that they have one size in layers of every shape, near that of AdamW: learning rate and decay serve both.
/// </summary>
public sealed class Muon : IDisposable
{
    private const float Momentum = 0.95f;

    // odd polynomials a x + b x³ + c x⁵ that take singular values of 0.001..1 the quickest towards 1, one after the other: to 0.44..1.56 after
    // four (Amsel et al. 2025, "The Polar Express", figure 2)
    private static readonly (float A, float B, float C)[] Polynomials =
    [
        (8.28721201814563f, -23.595886519098837f, 17.300387312530933f),
        (4.107059111542203f, -2.9478499167379106f, 0.5448431082926601f),
        (3.9486908534822946f, -2.908902115957949f, 0.5518191394370137f),
        (3.3184196573706015f, -2.488488024314874f, 0.51004894012372f),
    ];

    // root mean square of an update over the learning rate; AdamW's is 0.2 to 0.4. Nano learned generated scenes faster with 0.5 than with 0.2 (docs/experiments.md)
    private const double UpdateSize = 0.5;

    private readonly List<Slot> _slots = [];

    /// <summary>Makes zero state for every parameter that is trainable now.</summary>
    public Muon(IEnumerable<Parameter> parameters, Func<Parameter, double>? learningRateFactor = null, Func<Parameter, double>? weightDecay = null)
    {
        foreach (var parameter in parameters)
        {
            if (!parameter.Value.RequiresGrad) continue;
            if (!Takes(parameter)) throw new ArgumentException($"{parameter.Path} {parameter.Value} is not a matrix between features", nameof(parameters));
            var state = Tensor.Zeros(parameter.Value.Shape, engine: parameter.Value.Engine).AsParameter(requiresGrad: false);
            _slots.Add(new Slot(parameter, state, learningRateFactor?.Invoke(parameter) ?? 1, weightDecay?.Invoke(parameter) ?? 0));
        }
    }

    /// <summary>True for float32 matrices and dense convolutions [outputs, inputs, k, k] of some size that are not tables.</summary>
    public static bool Takes(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        var shape = parameter.Value.Shape;
        return parameter.Value.DType == DType.Float32 && shape.Rank is 2 or 4 && shape[0] is >= 16 and <= 8192 && shape.Count / shape[0] >= 64
            && (shape.Rank == 2 || shape[1] > 1) && !parameter.IsTable;
    }

    /// <summary>One update. Parameters without a gradient are left as they are. Gradients are multiplied by <paramref name="gradientScale"/> first.</summary>
    public void Step(double learningRate, double gradientScale = 1)
    {
        foreach (var slot in _slots)
        {
            if (slot.Parameter.Value.Grad is not { } gradient) continue;
            using var scope = TensorScope.Open();
            using var noGrad = Tape.NoGrad();
            var weights = slot.Parameter.Value;
            var rows = weights.Shape[0];
            var columns = (int)(weights.Count / rows);
            // momentum, with Nesterov's look ahead
            gradient.Engine.MoveAverage(slot.Momentum, Op.Scale(gradient, (float)gradientScale), Momentum);
            var ahead = Op.Add(Op.Scale(gradient, (float)(gradientScale * (1 - Momentum))), Op.Scale(slot.Momentum, Momentum));
            var update = Orthogonalize(Op.Reshape(ahead, rows, columns));
            var rate = learningRate * slot.LearningRateFactor;
            var size = UpdateSize * Math.Sqrt(Math.Max(rows, columns));
            // decay is part of the gradient there: divided by the size, it becomes decoupled
            weights.Engine.SgdStep(weights, Op.Reshape(update, weights.Shape.ToArray()), null, new SgdSettings(rate * size, WeightDecay: slot.WeightDecay / size));
        }
    }

    /// <summary>The state by name, for saving; the tensors stay this optimizer's.</summary>
    public IEnumerable<(string Name, Tensor Value)> State() => _slots.Select(slot => ($"{slot.Parameter.Path}.momentum", slot.Momentum));

    /// <summary>Frees the state.</summary>
    public void Dispose()
    {
        foreach (var slot in _slots) slot.Momentum.Dispose();
        _slots.Clear();
    }

    /// <summary>
    /// About U Vᵀ of the singular value decomposition U Σ Vᵀ of a matrix [R, C], by Newton-Schulz iterations in float32 on the side with fewer rows.
    /// </summary>
    internal static Tensor Orthogonalize(Tensor matrix)
    {
        var tall = matrix.Shape[0] > matrix.Shape[1];
        var norm = Math.Sqrt(matrix.Engine.SquaredNorm(matrix));
        var x = Op.Scale(matrix, (float)(1 / ((norm * 1.01) + 1e-7)));
        foreach (var (a, b, c) in Polynomials)
        {
            var gram = tall ? Op.MatMul(x, x, transposeA: true) : Op.MatMul(x, x, transposeB: true);
            var polynomial = Op.Add(Op.Scale(gram, b), Op.Scale(Op.MatMul(gram, gram), c));
            x = Op.Add(Op.Scale(x, a), tall ? Op.MatMul(x, polynomial) : Op.MatMul(polynomial, x));
        }

        return x;
    }

    private sealed record Slot(Parameter Parameter, Tensor Momentum, double LearningRateFactor, double WeightDecay);
}
