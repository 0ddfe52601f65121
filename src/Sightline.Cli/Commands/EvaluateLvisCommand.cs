using Sightline.Training.Evaluation;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline evaluate lvis</c>: the numbers of lvis-api.</summary>
internal sealed class EvaluateLvisCommand() : EvaluateFilesCommand(
    "lvis",
    "LVIS average precision (federated; rare, common, frequent)",
    "sightline evaluate lvis --ground-truth lvis_v1_val.json --detections dt.json")
{
    protected override DetectionScore Evaluate(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, RegionKind region, BootstrapOptions? bootstrap) =>
        LvisEvaluator.Evaluate(truth, detections, region, bootstrap);

    protected override IReadOnlyList<PairedComparison> Compare(CocoGroundTruth truth, IReadOnlyList<CocoDetection> a, IReadOnlyList<CocoDetection> b, RegionKind region, BootstrapOptions? bootstrap) =>
        LvisEvaluator.Compare(truth, a, b, region, bootstrap);
}
