namespace Sightline.Training.Evaluation;

/// <summary>
/// Average precision as COCO defines it, equal to pycocotools' COCOeval (cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py)
/// in every number, ties and crowds included.
/// </summary>
public static class CocoEvaluator
{
    /// <summary>Scores detections against a ground truth.</summary>
    /// <param name="truth">With masks loaded when masks are compared.</param>
    /// <param name="detections">In the order of their file, which decides ties.</param>
    /// <param name="options">COCO's own when null.</param>
    /// <exception cref="SightlineException">BadData: a detection of an unknown picture, a score that is no number, a missing mask. Usage: options that make no sense.</exception>
    public static DetectionScore Evaluate(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, CocoEvaluationOptions? options = null)
    {
        options ??= new CocoEvaluationOptions();
        options.Check();
        options.Bootstrap?.Check();
        var table = DetectionTable.Build(truth, detections, options.ClassAgnostic, options.Region, federated: false);
        var metric = options.Region == RegionKind.Box ? "coco/bbox" : "coco/segm";
        return new DetectionEvaluation(table, options, DetectionFigure.Coco(options)).Score(metric, Notes(table));
    }

    /// <summary>Whether two runs differ on the same pictures: every figure of both, the difference, its interval and a p-value.</summary>
    /// <param name="truth">With masks loaded when masks are compared.</param>
    /// <param name="a">The first run.</param>
    /// <param name="b">The second run.</param>
    /// <param name="options">COCO's own when null; its <see cref="CocoEvaluationOptions.Bootstrap"/> says how many sets are drawn, and the seed.</param>
    /// <exception cref="SightlineException">As <see cref="Evaluate"/>.</exception>
    public static IReadOnlyList<PairedComparison> Compare(CocoGroundTruth truth, IReadOnlyList<CocoDetection> a, IReadOnlyList<CocoDetection> b, CocoEvaluationOptions? options = null)
    {
        options ??= new CocoEvaluationOptions();
        options.Check();
        var bootstrap = options.Bootstrap ?? new BootstrapOptions();
        bootstrap.Check();
        var tableA = DetectionTable.Build(truth, a, options.ClassAgnostic, options.Region, federated: false);
        var tableB = DetectionTable.Build(truth, b, options.ClassAgnostic, options.Region, federated: false);
        return new DetectionComparison(tableA, tableB, options, DetectionFigure.Coco(options)).Compare(bootstrap);
    }

    /// <summary>Which detection took which truth, at one IoU threshold and over all areas, by class and then picture.</summary>
    /// <inheritdoc cref="Evaluate"/>
    /// <param name="iouThreshold">Least IoU of a match.</param>
    public static IReadOnlyList<PictureMatches> Match(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, double iouThreshold = 0.5, CocoEvaluationOptions? options = null)
    {
        options ??= new CocoEvaluationOptions();
        options = options with { IouThresholds = [iouThreshold], AreaRanges = [options.AreaRanges[0]] };
        options.Check();
        var table = DetectionTable.Build(truth, detections, options.ClassAgnostic, options.Region, federated: false);
        var record = new List<PictureMatches>();
        var matcher = new CategoryMatcher(table, options, options.MaxDetections[^1]) { Record = record };
        for (var k = 0; k < table.Groups; k++) matcher.Match(k);
        return record;
    }

    internal static IReadOnlyList<string> Notes(DetectionTable table)
    {
        var notes = new List<string>();
        if (table.UnknownCategory > 0) notes.Add($"{table.UnknownCategory} detections are of classes that the ground truth does not list; they are not scored");
        if (table.Truths.Id.Contains(0)) notes.Add("an annotation has the id 0, which the official code cannot match (kept, to be equal to it); number annotations from 1");
        return notes;
    }
}
