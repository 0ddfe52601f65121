using Sightline.Geometry;

namespace Sightline.Training.Evaluation;

/// <summary>
/// Referring expression comprehension and segmentation: one answer and one truth a sample, in the same order. Box accuracy
/// as RefCOCO reports it (Yu et al., ECCV 2016, arXiv:1608.00272; an answer is right from IoU 0.5); gIoU and cIoU of masks
/// as generalized referring segmentation reports them (Liu et al., CVPR 2023, arXiv:2306.00968).
/// </summary>
public static class ReferringEvaluator
{
    /// <summary>0.25, 0.5, 0.7, 0.75, 0.9.</summary>
    public static IReadOnlyList<double> DefaultThresholds { get; } = [.25, .5, .7, .75, .9];

    /// <summary>Scores one box a sample; null where no box was given, which is a miss.</summary>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    /// <exception cref="FrameMismatchException">An answer is in another frame than its truth.</exception>
    public static ReferringScore Boxes(IReadOnlyList<Box?> predictions, IReadOnlyList<Box> truths, IReadOnlyList<double>? thresholds = null, BootstrapOptions? bootstrap = null)
    {
        RequireSameCount(predictions.Count, truths.Count);
        var ious = new double[truths.Count];
        for (var i = 0; i < ious.Length; i++) ious[i] = predictions[i] is { } box ? Iou.Of(box, truths[i]) : 0;
        return Score(ious, thresholds, bootstrap);
    }

    /// <summary>
    /// Scores one mask a sample; null counts as an empty mask. An empty answer to an empty truth is right: its IoU is 1.
    /// </summary>
    /// <exception cref="ArgumentException">The lists differ in length, or a pair in picture size.</exception>
    public static ReferringScore Masks(IReadOnlyList<RunLengthMask?> predictions, IReadOnlyList<RunLengthMask> truths, IReadOnlyList<double>? thresholds = null, BootstrapOptions? bootstrap = null)
    {
        RequireSameCount(predictions.Count, truths.Count);
        var n = truths.Count;
        var (intersections, unions) = (new double[n], new double[n]);
        for (var i = 0; i < n; i++) (intersections[i], unions[i]) = predictions[i] is { } mask ? mask.Overlap(truths[i]) : (0, truths[i].Area);
        return Overlaps(intersections, unions, thresholds, bootstrap);
    }

    /// <summary>As <see cref="Masks"/>, of overlaps at hand.</summary>
    /// <param name="intersections">Pixels that both masks have, one a sample.</param>
    /// <param name="unions">Pixels that either has; 0 where both are empty, which is right.</param>
    /// <param name="thresholds"><see cref="DefaultThresholds"/> when null.</param>
    /// <param name="bootstrap">For intervals; null for none.</param>
    /// <param name="groups">What is drawn together (<see cref="Bootstrap.Of"/>).</param>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public static ReferringScore Overlaps(double[] intersections, double[] unions, IReadOnlyList<double>? thresholds = null, BootstrapOptions? bootstrap = null, IReadOnlyList<int>? groups = null)
    {
        ArgumentNullException.ThrowIfNull(intersections);
        ArgumentNullException.ThrowIfNull(unions);
        RequireSameCount(intersections.Length, unions.Length);
        double[] ious = [.. intersections.Zip(unions, (intersection, union) => union == 0 ? 1 : intersection / union)];
        return Score(ious, thresholds, bootstrap, groups) with
        {
            CumulativeIou = ious.Length == 0 ? -1 : intersections.Sum() / Math.Max(unions.Sum(), 1),
            CumulativeIouInterval = bootstrap is null || ious.Length == 0 ? null : Bootstrap.Of(ious.Length, w => Bootstrap.WeightedSum(intersections, w) / Math.Max(Bootstrap.WeightedSum(unions, w), 1), bootstrap, groups),
        };
    }

    /// <summary>Share of IoUs that are at least (or, strict, greater than) a threshold: the pure function that rewards share.</summary>
    public static double Accuracy(ReadOnlySpan<double> ious, double threshold, bool strict = false)
    {
        if (ious.IsEmpty) return -1;
        var hits = 0;
        foreach (var iou in ious) hits += (strict ? iou > threshold : iou >= threshold) ? 1 : 0;
        return (double)hits / ious.Length;
    }

    /// <summary>The score of IoUs at hand.</summary>
    /// <param name="ious">One a sample; 0 where no answer was given.</param>
    /// <param name="thresholds"><see cref="DefaultThresholds"/> when null.</param>
    /// <param name="bootstrap">For intervals; null for none.</param>
    /// <param name="groups">What is drawn together (<see cref="Bootstrap.Of"/>): the picture of each sample.</param>
    public static ReferringScore Score(double[] ious, IReadOnlyList<double>? thresholds = null, BootstrapOptions? bootstrap = null, IReadOnlyList<int>? groups = null)
    {
        thresholds ??= DefaultThresholds;
        return new ReferringScore
        {
            Ious = ious,
            Thresholds = thresholds,
            Accuracy = [.. thresholds.Select(t => Accuracy(ious, t))],
            StrictAccuracy = [.. thresholds.Select(t => Accuracy(ious, t, strict: true))],
            MeanIou = ious.Length == 0 ? -1 : Bootstrap.Mean(ious),
            MeanIouInterval = bootstrap is null ? null : Bootstrap.OfMean(ious, bootstrap, groups),
            AccuracyIntervals = bootstrap is null ? [] : [.. thresholds.Select(t => Bootstrap.OfMean(Hits(ious, t), bootstrap, groups))],
        };
    }

    /// <summary>1 where an IoU is at least the threshold, 0 elsewhere: for intervals and paired tests.</summary>
    public static double[] Hits(double[] ious, double threshold) => Array.ConvertAll(ious, iou => iou >= threshold ? 1.0 : 0);

    private static void RequireSameCount(int predictions, int truths)
    {
        if (predictions != truths) throw new ArgumentException($"one answer a sample is needed (null for none), got {predictions} answers for {truths} samples");
    }
}
