using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Training.Reinforcement;

/// <summary>
/// How likely a model finds given tokens, for learning: ln π as the sampler reports it (the same kernels, without temperature, masks or filters). Scores of the
/// whole vocabulary exist for a few rows at a time only, and are computed again in the backward pass.
/// </summary>
public static class TokenLikelihood
{
    private const int RowsTogether = 256;

    /// <summary>ln π of a batch's targets, float32 [N]; on the tape where one records.</summary>
    public static Tensor Compute(ILanguageModel model, TokenBatch batch)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        using var asSampled = RowIndependence.Require(); // sums in the sampler's order, so that ratios start at exactly 1
        var (rows, targets) = (batch.Rows, batch.Targets);
        var states = Wide(Op.IndexRows(model.Forward(batch.Input, cache: null), Tensor.From(rows, [rows.Length]))); // [N, C]
        var parts = new List<Tensor>();
        for (var at = 0; at < rows.Length; at += RowsTogether)
        {
            var count = Math.Min(RowsTogether, rows.Length - at);
            var ids = Tensor.From(targets.AsSpan(at, count), [count]);
            parts.Add(Checkpoint.Run(part => Op.LogSoftmaxGather(model.Logits(part), ids), Op.Slice(states, 0, at, count)));
        }

        return parts.Count == 1 ? parts[0] : Op.Concat(0, [.. parts]);
    }

    /// <summary>Scores in float32 whatever the states: around 20, bfloat16 knows nothing between two numbers 1/8 apart.</summary>
    private static Tensor Wide(Tensor states) => states.DType == DType.Float32 ? states : Op.Cast(states, DType.Float32);

    /// <summary>ln π of a batch's targets as numbers, without a tape, freeing everything: for the reference and the sampling policy.</summary>
    public static float[] Score(ILanguageModel model, TokenBatch batch)
    {
        using var scope = TensorScope.Open();
        using var off = Tape.NoGrad();
        return Compute(model, batch).ToArray<float>();
    }

    /// <summary>The supervised loss: the mean of -ln π over the targets, so labels are on the answers only; one number.</summary>
    public static Tensor SupervisedLoss(ILanguageModel model, TokenBatch batch) => Op.Neg(Op.Mean(Compute(model, batch)));

    /// <summary>Runs the policy loss of a batch of groups backward into the model's parameters.</summary>
    /// <param name="tape">Recording since before <paramref name="logProbabilities"/> was computed.</param>
    /// <param name="logProbabilities">From <see cref="Compute"/>.</param>
    /// <param name="loss">Of the same tokens.</param>
    public static void Backward(Tape tape, Tensor logProbabilities, PolicyLossResult loss)
    {
        ArgumentNullException.ThrowIfNull(tape);
        ArgumentNullException.ThrowIfNull(logProbabilities);
        ArgumentNullException.ThrowIfNull(loss);
        tape.Backward(logProbabilities, Tensor.From<float>(loss.Gradient, [loss.Gradient.Length], logProbabilities.Engine));
    }
}
