using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Training.Grounding;

/// <summary>How much each part of <see cref="GroundingLoss"/> counts.</summary>
public sealed record GroundingLossWeights
{
    /// <summary>Binary cross entropy of every phrase with every place against the quality of the place.</summary>
    public float Alignment { get; set; } = 1;

    /// <summary>Cross entropy over the places of a phrase: which of them is it.</summary>
    public float Ranking { get; set; } = 0.5f;

    /// <summary>1 - GIoU of assigned boxes.</summary>
    public float Giou { get; set; } = 2;

    /// <summary>Absolute difference of assigned box edges, in 0..1 of the canvas.</summary>
    public float L1 { get; set; } = 5;

    /// <summary>Binary cross entropy of "is anything of this phrase here".</summary>
    public float Presence { get; set; } = 0.5f;
}

/// <summary>
/// The loss of box fine-tuning. Alignment is the varifocal loss (Zhang et al. 2021): places that answer for an object of
/// the phrase are pulled to the quality of their box, all others down with the focal weight 0.75 p². Boxes of assigned places take
/// GIoU (Rezatofighi et al. 2019) and L1, weighted by quality as in TOOD.
/// </summary>
public sealed class GroundingLoss(FusionConfig config, GroundingLossWeights weights, MatchingKind matching = MatchingKind.OneToMany)
{
    private const float FocalAlpha = 0.75f;
    private readonly IPlaceAssigner _assigner =
        matching == MatchingKind.OneToMany ? new TaskAlignedAssigner(config.FineSide) : new HungarianAssigner(config.FineSide);
    private readonly List<Assignment> _assignments = [];
    private readonly List<long> _rows = [];
    private readonly List<float> _boxes = [];
    private readonly List<float> _boxWeights = [];

    /// <summary>The loss of a batch.</summary>
    public GroundingLossValue Compute(FusionOutput output, IReadOnlyList<TrainingSample> samples)
    {
        var (pictures, most, places) = (output.Logits.Shape[0], output.Logits.Shape[1], output.Logits.Shape[2]);
        var targets = Tensor.Zeros(output.Logits.Shape);            // quality of each phrase at each place
        var mass = Tensor.Zeros(output.Logits.Shape);               // weight of each term of the alignment
        var choice = Tensor.Zeros([pictures * most, places]);       // each row sums to 1 where the phrase has an object
        var present = Tensor.Zeros(output.Presence.Shape);
        var qualitySum = FillTargets(output, samples, targets.AsSpan<float>(), mass.AsSpan<float>(), choice.AsSpan<float>(), present.AsSpan<float>(), out var chosen);

        var alignment = Op.Scale(Op.BceWithLogits(output.Logits, targets, mass, Reduction.Sum), 1 / MathF.Max(qualitySum, 1));
        var ranking = Op.Scale(
            Op.Sum(Op.Mul(Op.LogSoftmax(Op.Reshape(output.Logits, pictures * most, places)), choice)), -1f / Math.Max(chosen, 1));
        var presence = Op.BceWithLogits(output.Presence, present, null, Reduction.Mean);
        var (giou, l1) = BoxLoss(output.Boxes);
        var total = Op.Add(
            Op.Add(Op.Scale(alignment, weights.Alignment), Op.Scale(ranking, weights.Ranking)),
            Op.Add(Op.Scale(presence, weights.Presence), Op.Add(Op.Scale(giou, weights.Giou), Op.Scale(l1, weights.L1))));
        return new GroundingLossValue(total, alignment, ranking, giou, l1, presence);
    }

    private float FillTargets(
        FusionOutput output, IReadOnlyList<TrainingSample> samples, Span<float> targets, Span<float> mass, Span<float> choice, Span<float> present, out int chosen)
    {
        var (most, places) = (output.Logits.Shape[1], output.Logits.Shape[2]);
        var logits = output.Logits.AsSpan<float>();
        var boxes = output.Boxes.AsSpan<float>();
        _rows.Clear();
        _boxes.Clear();
        _boxWeights.Clear();
        float qualitySum = 0;
        chosen = 0;
        for (int b = 0, phrase = 0; b < samples.Count; b++)
        {
            var sample = samples[b];
            _assignments.Clear();
            _assigner.Assign(boxes.Slice(b * places * 4, places * 4), logits.Slice(b * most * places, most * places), sample, _assignments);
            foreach (var assignment in _assignments) AddBox((b * places) + assignment.Place, sample.Objects[assignment.Object], assignment.Quality);
            for (var p = 0; p < sample.Phrases.Length; p++, phrase++)
            {
                var row = ((b * most) + p) * places;
                var means = sample.Targets[p];
                present[phrase] = means.Length > 0 ? 1 : 0;
                var sum = FillPhrase(means, targets.Slice(row, places), choice.Slice(row, places));
                if (sum > 0) chosen++;
                qualitySum += sum;
                Weigh(logits.Slice(row, places), targets.Slice(row, places), mass.Slice(row, places));
            }
        }

        return qualitySum;
    }

    private float FillPhrase(int[] means, Span<float> targets, Span<float> choice)
    {
        float sum = 0;
        foreach (var assignment in _assignments)
        {
            if (!means.AsSpan().Contains(assignment.Object)) continue;
            targets[assignment.Place] = assignment.Quality;
            sum += assignment.Quality;
        }

        for (var i = 0; i < targets.Length && sum > 0; i++) choice[i] = targets[i] / sum;
        return sum;
    }

    private static void Weigh(ReadOnlySpan<float> logits, ReadOnlySpan<float> targets, Span<float> mass)
    {
        for (var i = 0; i < logits.Length; i++)
        {
            var probability = 1 / (1 + MathF.Exp(-logits[i]));
            mass[i] = targets[i] > 0 ? targets[i] : FocalAlpha * probability * probability;
        }
    }

    private void AddBox(int row, CanvasBox target, float quality)
    {
        _rows.Add(row);
        _boxes.AddRange([target.X1, target.Y1, target.X2, target.Y2]);
        _boxWeights.Add(MathF.Max(quality, 0.05f)); // a box that is still far off must move, too
    }

    private (Tensor Giou, Tensor L1) BoxLoss(Tensor boxes)
    {
        if (_rows.Count == 0) return (Tensor.Zeros([]), Tensor.Zeros([]));
        var predicted = Op.IndexRows(Op.Reshape(boxes, -1, 4), Tensor.From([.. _rows], [_rows.Count]));   // [K, 4]
        var target = Tensor.From([.. _boxes], [_rows.Count, 4]);
        var weight = Tensor.From([.. _boxWeights], [_rows.Count]);
        var scale = 1 / _boxWeights.Sum();
        var giou = Op.Scale(Op.Sum(Op.Mul(Op.BoxIouLoss(BoxIouKind.Giou, predicted, target), weight)), scale);
        var l1 = Op.Scale(Op.Sum(Op.Mul(Op.Abs(Op.Sub(predicted, target)), Op.Reshape(weight, -1, 1))), scale / 4);
        return (giou, l1);
    }
}

/// <summary>A loss and its parts, before weighting; all scalars.</summary>
public sealed record GroundingLossValue(Tensor Total, Tensor Alignment, Tensor Ranking, Tensor Giou, Tensor L1, Tensor Presence);
