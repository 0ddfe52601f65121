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
        var options = new CocoEvaluationOptions { Region = region, MaxDetections = [300], Bootstrap = bootstrap, Threads = threads };
        bootstrap?.Check();
        var table = DetectionTable.Build(truth, detections, classAgnostic: false, region, federated: true);
        var metric = region == RegionKind.Box ? "lvis/bbox" : "lvis/segm";
        return new DetectionEvaluation(table, options, DetectionFigure.Lvis(options)).Score(metric, CocoEvaluator.Notes(table));
    }
}
