namespace Sightline.Training.Evaluation;

/// <summary>
/// Federated average precision as LVIS defines it, equal to lvis-api 0.5.3 (lvis-dataset/lvis-api, lvis/eval.py): a class is
/// scored in a picture only where it is annotated or known to be absent, and 300 detections a picture count.
/// </summary>
public static class LvisEvaluator
{
    /// <summary>Scores detections against a ground truth.</summary>
    /// <param name="truth">With frequency groups, negative and not exhaustively annotated classes.</param>
    /// <param name="detections">In the order of their file, which decides ties.</param>
    /// <param name="region">Boxes or masks.</param>
    /// <param name="bootstrap">Intervals over redrawn pictures; null for none.</param>
    /// <param name="threads">0 for all; the result does not depend on it.</param>
    /// <exception cref="SightlineException">BadData: a detection of an unknown picture, a score that is no number, a missing mask.</exception>
    public static DetectionScore Evaluate(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, RegionKind region = RegionKind.Box, BootstrapOptions? bootstrap = null, int threads = 0)
    {
        var options = Options(region, bootstrap, threads);
        bootstrap?.Check();
        var table = DetectionTable.Build(truth, detections, classAgnostic: false, region, federated: true);
        var metric = region == RegionKind.Box ? "lvis/bbox" : "lvis/segm";
        return new DetectionEvaluation(table, options, DetectionFigure.Lvis(options)).Score(metric, CocoEvaluator.Notes(table));
    }

    /// <summary>Whether two runs differ on the same pictures: every figure of both, the difference, its interval and a p-value.</summary>
    /// <inheritdoc cref="Evaluate"/>
    /// <param name="a">The first run.</param>
    /// <param name="b">The second run.</param>
    /// <param name="bootstrap">How many sets are drawn, and the seed; 1000 when null.</param>
    public static IReadOnlyList<PairedComparison> Compare(CocoGroundTruth truth, IReadOnlyList<CocoDetection> a, IReadOnlyList<CocoDetection> b, RegionKind region = RegionKind.Box, BootstrapOptions? bootstrap = null, int threads = 0)
    {
        bootstrap ??= new BootstrapOptions();
        bootstrap.Check();
        var options = Options(region, bootstrap, threads);
        var tableA = DetectionTable.Build(truth, a, classAgnostic: false, region, federated: true);
        var tableB = DetectionTable.Build(truth, b, classAgnostic: false, region, federated: true);
        return new DetectionComparison(tableA, tableB, options, DetectionFigure.Lvis(options)).Compare(bootstrap);
    }

    private static CocoEvaluationOptions Options(RegionKind region, BootstrapOptions? bootstrap, int threads) =>
        new() { Region = region, MaxDetections = [300], Bootstrap = bootstrap, Threads = threads };
}
