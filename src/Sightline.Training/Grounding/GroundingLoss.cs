using System.Runtime.InteropServices;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Ops;

namespace Sightline.Training.Grounding;

/// <summary>How much each part of <see cref="GroundingLoss"/> counts.</summary>
public sealed record GroundingLossWeights
{
    /// <summary>Binary cross entropy of every phrase with every place against the quality of the place.</summary>
    public float Alignment { get; set; } = 1;

    /// <summary>Cross entropy over the places of a phrase: which of them is it.</summary>
    public float Ranking { get; set; } = 0.5f;

    /// <summary>The same cross entropy before each layer of the phrase decoder (deep supervision), summed over the layers.</summary>
    public float Earlier { get; set; } = 0.25f;

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
/// <para>Every part is normalised within its picture (by the picture's quality, phrases or box weights), and the loss of a batch is the mean over its
/// pictures: what a picture teaches does not depend on its neighbours, and micro-batches of one size add up to the batch they are cut from.</para>
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
    public GroundingLossValue Compute(FusionOutput output, IReadOnlyList<TrainingSample> samples) => Compute(output, samples, output);

    /// <summary>As <see cref="Compute(FusionOutput, IReadOnlyList{TrainingSample})"/>; assignments, qualities and focal weights, through which no gradient flows, are taken from <paramref name="judged"/>.</summary>
    internal GroundingLossValue Compute(FusionOutput output, IReadOnlyList<TrainingSample> samples, FusionOutput judged)
    {
        var (pictures, most, places) = (output.Logits.Shape[0], output.Logits.Shape[1], output.Logits.Shape[2]);
        var targets = Host(output.Logits.Shape);            // quality of each phrase at each place
        var mass = Host(output.Logits.Shape);               // weight of each term of the alignment
        var choice = Host([pictures * most, places]);       // each row sums to 1 where the phrase has an object
        var present = Host(output.Presence.Shape);
        var share = Host(output.Presence.Shape);            // 1 / phrases of the picture
        FillTargets(judged, samples, new Targets(targets.AsSpan<float>(), mass.AsSpan<float>(), choice.AsSpan<float>(), present.AsSpan<float>(), share.AsSpan<float>()));
        var engine = output.Logits.Engine;
        (targets, mass, choice, present, share) = (targets.MoveTo(engine), mass.MoveTo(engine), choice.MoveTo(engine), present.MoveTo(engine), share.MoveTo(engine));

        var mean = 1f / pictures;
        var alignment = Op.Scale(Op.BceWithLogits(output.Logits, targets, mass, Reduction.Sum), mean);
        var ranking = Rank(output.Logits, choice, mean);
        var earlier = output.EarlierLogits.Aggregate((Tensor?)null, (sum, logits) => sum is null ? Rank(logits, choice, mean) : Op.Add(sum, Rank(logits, choice, mean)));
        var presence = Op.Scale(Op.BceWithLogits(output.Presence, present, share, Reduction.Sum), mean);
        var (giou, l1) = BoxLoss(output.Boxes, mean);
        var total = Op.Add(
            Op.Add(Op.Scale(alignment, weights.Alignment), Op.Scale(ranking, weights.Ranking)),
            Op.Add(Op.Scale(presence, weights.Presence), Op.Add(Op.Scale(giou, weights.Giou), Op.Scale(l1, weights.L1))));
        if (earlier is not null) total = Op.Add(total, Op.Scale(earlier, weights.Earlier));
        return new GroundingLossValue(total, alignment, ranking, giou, l1, presence);
    }

    /// <summary>Zeros where the assignment can write them.</summary>
    private static Tensor Host(Shape shape) => Tensor.Zeros(shape, engine: CpuEngine.Instance);

    /// <summary>Cross entropy of the places of each phrase, [B, Pmax, M], with where it should look, [B·Pmax, M].</summary>
    private static Tensor Rank(Tensor logits, Tensor choice, float mean) =>
        Op.Scale(Op.Sum(Op.Mul(Op.LogSoftmax(Op.Reshape(logits, choice.Shape[0], choice.Shape[1])), choice)), -mean);

    private void FillTargets(FusionOutput output, IReadOnlyList<TrainingSample> samples, Targets to)
    {
        var (most, places) = (output.Logits.Shape[1], output.Logits.Shape[2]);
        var logits = output.Logits.ReadSpan<float>();
        var boxes = output.Boxes.ReadSpan<float>();
        _rows.Clear();
        _boxes.Clear();
        _boxWeights.Clear();
        for (int b = 0, phrase = 0; b < samples.Count; phrase += samples[b++].Phrases.Length)
        {
            var sample = samples[b];
            var phrases = sample.Phrases.Length;
            _assignments.Clear();
            _assigner.Assign(boxes.Slice(b * places * 4, places * 4), logits.Slice(b * most * places, most * places), sample, _assignments);
            AddBoxes(b * places, sample);
            float quality = 0;
            var chosen = 0;
            for (var p = 0; p < phrases; p++)
            {
                var row = ((b * most) + p) * places;
                to.Present[phrase + p] = sample.Targets[p].Length > 0 ? 1 : 0;
                to.Share[phrase + p] = 1f / phrases;
                var sum = FillPhrase(sample.Targets[p], to.Quality.Slice(row, places), to.Choice.Slice(row, places));
                if (sum > 0) chosen++;
                quality += sum;
                Weigh(logits.Slice(row, places), to.Quality.Slice(row, places), to.Mass.Slice(row, places));
            }

            Divide(to.Mass.Slice(b * most * places, phrases * places), MathF.Max(quality, 1));
            Divide(to.Choice.Slice(b * most * places, phrases * places), Math.Max(chosen, 1));
        }
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

    private static void Divide(Span<float> values, float by)
    {
        foreach (ref var value in values) value /= by;
    }

    private static void Weigh(ReadOnlySpan<float> logits, ReadOnlySpan<float> targets, Span<float> mass)
    {
        for (var i = 0; i < logits.Length; i++)
        {
            var probability = 1 / (1 + MathF.Exp(-logits[i]));
            mass[i] = targets[i] > 0 ? targets[i] : FocalAlpha * probability * probability;
        }
    }

    private void AddBoxes(int firstRow, TrainingSample sample)
    {
        var start = _boxWeights.Count;
        foreach (var assignment in _assignments)
        {
            var target = sample.Objects[assignment.Object];
            _rows.Add(firstRow + assignment.Place);
            _boxes.AddRange([target.X1, target.Y1, target.X2, target.Y2]);
            _boxWeights.Add(MathF.Max(assignment.Quality, 0.05f)); // a box that is still far off must move, too
        }

        float sum = 0;
        var weights = CollectionsMarshal.AsSpan(_boxWeights)[start..];
        foreach (var weight in weights) sum += weight;
        foreach (ref var weight in weights) weight /= sum;
    }

    private (Tensor Giou, Tensor L1) BoxLoss(Tensor boxes, float mean)
    {
        if (_rows.Count == 0) return (Tensor.Zeros([]), Tensor.Zeros([]));
        var rows = Tensor.From<long>(CollectionsMarshal.AsSpan(_rows), [_rows.Count]);
        var predicted = Op.IndexRows(Op.Reshape(boxes, -1, 4), rows);                                     // [K, 4]
        var target = Tensor.From<float>(CollectionsMarshal.AsSpan(_boxes), [_rows.Count, 4]);
        var weight = Tensor.From<float>(CollectionsMarshal.AsSpan(_boxWeights), [_rows.Count]);
        var giou = Op.Scale(Op.Sum(Op.Mul(Op.BoxIouLoss(BoxIouKind.Giou, predicted, target), weight)), mean);
        var l1 = Op.Scale(Op.Sum(Op.Mul(Op.Abs(Op.Sub(predicted, target)), Op.Reshape(weight, -1, 1))), mean / 4);
        return (giou, l1);
    }

    /// <summary>Where the targets of a batch are written; see <see cref="GroundingLoss"/>.</summary>
    private readonly ref struct Targets(Span<float> quality, Span<float> mass, Span<float> choice, Span<float> present, Span<float> share)
    {
        public readonly Span<float> Quality = quality;
        public readonly Span<float> Mass = mass;
        public readonly Span<float> Choice = choice;
        public readonly Span<float> Present = present;
        public readonly Span<float> Share = share;
    }
}

/// <summary>A loss and its parts, before weighting; all scalars.</summary>
public sealed record GroundingLossValue(Tensor Total, Tensor Alignment, Tensor Ranking, Tensor Giou, Tensor L1, Tensor Presence);
