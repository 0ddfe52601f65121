using Sightline.Training.Evaluation;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline evaluate coco</c>: the 12 numbers of pycocotools.</summary>
internal sealed class EvaluateCocoCommand() : EvaluateFilesCommand(
    "coco",
    "COCO average precision and recall: the official 12 numbers",
    "sightline evaluate coco --ground-truth gt.json --detections dt.json",
    "sightline evaluate coco --ground-truth gt.json --detections dt.json --masks --bootstrap 0 --json score.json",
    "sightline evaluate coco --ground-truth gt.json --detections dt.json --against other.json")
{
    protected override DetectionScore Evaluate(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, RegionKind region, BootstrapOptions? bootstrap) =>
        CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Region = region, Bootstrap = bootstrap });

    protected override IReadOnlyList<PairedComparison> Compare(CocoGroundTruth truth, IReadOnlyList<CocoDetection> a, IReadOnlyList<CocoDetection> b, RegionKind region, BootstrapOptions? bootstrap) =>
        CocoEvaluator.Compare(truth, a, b, new CocoEvaluationOptions { Region = region, Bootstrap = bootstrap });
}
