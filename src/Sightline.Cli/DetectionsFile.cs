using Sightline.Cli.Output;
using Sightline.Training.Evaluation;

namespace Sightline.Cli;

/// <summary>Detections from a file, with the class numbers of a ground truth.</summary>
internal static class DetectionsFile
{
    /// <summary>Reads them; where names and numbers of classes do not go together as in the ground truth, names decide, and the terminal says so.</summary>
    public static IReadOnlyList<CocoDetection> Load(Terminal terminal, string path, CocoGroundTruth truth, bool masks = false) => Fit(terminal, path, CocoDetections.Load(path, masks), truth);

    /// <summary>As <see cref="Load"/>, of detections that were read before.</summary>
    public static IReadOnlyList<CocoDetection> Fit(Terminal terminal, string path, IReadOnlyList<CocoDetection> detections, CocoGroundTruth truth)
    {
        var (numbered, moved) = CocoDetections.ByName(truth, detections, path);
        if (moved > 0) terminal.Hint($"note: {path}: {moved} classes have other numbers than in {truth.Name}; they were taken by name");
        if (CocoDetections.NumberingProblem(truth, numbered) is { } problem) terminal.Hint($"warning: {path}: {problem}");
        return numbered;
    }
}
