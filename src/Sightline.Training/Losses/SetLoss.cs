using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Training.Losses;

/// <summary>
/// The set losses of DETR, Deformable DETR and Grounding DINO: queries are matched one to one with the targets, then classified (all of them) and
/// moved (the matched ones). Sums over boxes are divided by the number of targets of the batch, at least 1. Agrees with transformers 5.12, except
/// that token targets of image i are looked up in the map of image i (upstream counts the rows of one map instead of all earlier ones).
/// B images, Q queries, C classes or tokens.
/// </summary>
public sealed class SetLoss(SetLossOptions options)
{
    private const float Gamma = 2;
    private readonly SetMatcher _matcher = new(options);

    /// <summary>The loss of one set of predictions (a decoder layer, or the proposals of the encoder).</summary>
    /// <param name="logits">[B, Q, C]</param>
    /// <param name="boxes">[B, Q, 4] centre and size in 0..1.</param>
    /// <param name="targets">One for each image.</param>
    /// <param name="textMask">For tokens: bool [B, C], true where a token counts.</param>
    public SetLossResult Compute(Tensor logits, Tensor boxes, IReadOnlyList<SetTarget> targets, Tensor? textMask = null)
    {
        var (B, Q, C) = (logits.Shape[0], logits.Shape[1], logits.Shape[2]);
        if (targets.Count != B || boxes.Shape != new Shape(B, Q, 4)) throw new ShapeException($"SetLoss: logits {logits}, boxes {boxes} and {targets.Count} targets do not belong together");
        var matches = Match(logits, boxes, targets);
        var count = Math.Max(1, targets.Sum(target => target.Labels.Length));
        var classification = options.Classification == SetClassification.Softmax
            ? Softmax(logits, targets, matches)
            : Focal(logits, targets, matches, textMask, count);
        var (box, giou) = Boxes(boxes, targets, matches, count);
        var total = Op.Add(Op.Add(Op.Scale(classification, options.ClassWeight), Op.Scale(box, options.BoxWeight)), Op.Scale(giou, options.GiouWeight));
        return new SetLossResult(total, classification, box, giou, matches);
    }

    private (int[] Queries, int[] Targets)[] Match(Tensor logits, Tensor boxes, IReadOnlyList<SetTarget> targets)
    {
        var (Q, C) = (logits.Shape[1], logits.Shape[2]);
        var (scores, places) = (logits.ToArray<float>(), boxes.ToArray<float>());
        var matches = new (int[] Queries, int[] Targets)[targets.Count];
        for (var b = 0; b < matches.Length; b++)
            matches[b] = _matcher.Match(scores.AsSpan(b * Q * C, Q * C), places.AsSpan(b * Q * 4, Q * 4), targets[b]);
        return matches;
    }

    /// <summary>Cross entropy of all queries; those without a target belong to the last class, which weighs less.</summary>
    private Tensor Softmax(Tensor logits, IReadOnlyList<SetTarget> targets, (int[] Queries, int[] Targets)[] matches)
    {
        var (B, Q, C) = (logits.Shape[0], logits.Shape[1], logits.Shape[2]);
        var classes = new long[B * Q];
        Array.Fill(classes, C - 1);
        for (var b = 0; b < B; b++)
        {
            for (var k = 0; k < matches[b].Queries.Length; k++) classes[(b * Q) + matches[b].Queries[k]] = targets[b].Labels[matches[b].Targets[k]];
        }

        var weights = new float[C];
        Array.Fill(weights, 1f);
        weights[^1] = options.NothingWeight;
        return Op.CrossEntropy(
            Op.Reshape(logits, B * Q, C),
            Tensor.From(classes, [B * Q], logits.Engine),
            ignoreIndex: long.MinValue,
            classWeight: Tensor.From(weights, [C], logits.Engine));
    }

    private Tensor Focal(Tensor logits, IReadOnlyList<SetTarget> targets, (int[] Queries, int[] Targets)[] matches, Tensor? textMask, int count)
    {
        var (B, Q, C) = (logits.Shape[0], logits.Shape[1], logits.Shape[2]);
        var hot = new float[B * Q * C];
        for (var b = 0; b < B; b++)
        {
            for (var k = 0; k < matches[b].Queries.Length; k++)
            {
                var row = hot.AsSpan(((b * Q) + matches[b].Queries[k]) * C, C);
                var label = targets[b].Labels[matches[b].Targets[k]];
                if (targets[b].LabelMap is not { } map) row[(int)label] = 1;
                else for (var c = 0; c < C; c++) row[c] = map[label][c] ? 1 : 0;
            }
        }

        var truth = Tensor.From(hot, [B, Q, C], logits.Engine);
        if (textMask is null) return Op.Scale(Op.SigmoidFocal(logits, truth, options.FocalAlpha, Gamma, Reduction.Sum), 1f / count);
        // padded tokens carry -inf, which must not meet the arithmetic
        var keep = Op.Reshape(textMask, B, 1, C);
        var finite = Op.Where(keep, logits, Tensor.Zeros([], logits.DType, logits.Engine));
        return Op.Scale(Op.SigmoidFocal(finite, truth, options.FocalAlpha, Gamma, Reduction.Sum, Op.Cast(keep, DType.Float32)), 1f / count);
    }

    /// <summary>L1 on centre and size, GIoU on corners, over the matched pairs.</summary>
    private static (Tensor Box, Tensor Giou) Boxes(Tensor boxes, IReadOnlyList<SetTarget> targets, (int[] Queries, int[] Targets)[] matches, int count)
    {
        var Q = boxes.Shape[1];
        var ids = new List<long>();
        var places = new List<float>();
        for (var b = 0; b < matches.Length; b++)
        {
            for (var k = 0; k < matches[b].Queries.Length; k++)
            {
                ids.Add((b * Q) + matches[b].Queries[k]);
                places.AddRange(targets[b].Boxes.AsSpan(matches[b].Targets[k] * 4, 4));
            }
        }

        var matched = Op.IndexRows(Op.Reshape(boxes, boxes.Shape[0] * Q, 4), Tensor.From<long>(ids.ToArray(), [ids.Count], boxes.Engine)); // [M, 4]
        var truth = Tensor.From<float>(places.ToArray(), [ids.Count, 4], boxes.Engine);
        var box = Op.Scale(Op.L1(matched, truth, Reduction.Sum), 1f / count);
        var similarity = Op.BoxIou(BoxIouKind.Giou, Op.CenterToCorners(matched), Op.CenterToCorners(truth), exact: true);
        var giou = Op.Scale(Op.Sum(Op.AddScalar(Op.Neg(similarity), 1f)), 1f / count);
        return (box, giou);
    }
}
