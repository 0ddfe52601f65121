using System.CommandLine;
using Sightline.Cli.Output;
using Sightline.Training.Evaluation;

namespace Sightline.Cli.Commands;

/// <summary>What the evaluations of a detections file against a ground-truth file share.</summary>
internal abstract class EvaluateFilesCommand : ToolCommand
{
    private readonly Option<string> _truth = new("--ground-truth", "-g") { Description = "Annotations (COCO or LVIS JSON)", HelpName = "FILE", Required = true };
    private readonly Option<string> _detections = new("--detections", "-d") { Description = "Detections (COCO results JSON)", HelpName = "FILE", Required = true };
    private readonly Option<string?> _against = new("--against") { Description = "Test the difference to another run: its detections of the same pictures", HelpName = "FILE" };
    private readonly Option<bool> _masks = new("--masks") { Description = "Compare masks (segm) instead of boxes (bbox)" };
    private readonly Option<bool> _perClass = new("--per-class") { Description = "Print a line for each class" };
    private readonly IntervalOptions _intervals;
    private readonly Option<string?> _json = JsonOption("the numbers");

    protected EvaluateFilesCommand(string name, string description, params string[] examples)
        : base(name, description, examples)
    {
        Add(_truth);
        Add(_detections);
        Add(_against);
        Add(_masks);
        Add(_perClass);
        _intervals = new IntervalOptions(this);
        Add(_json);
        SetAction(parsed => Run(new Settings(
            parsed.GetRequiredValue(_truth),
            parsed.GetRequiredValue(_detections),
            parsed.GetValue(_against),
            parsed.GetValue(_masks),
            parsed.GetValue(_perClass),
            _intervals.Read(parsed),
            JsonTarget(parsed, _json))));
    }

    private sealed record Settings(string GroundTruth, string Detections, string? Against, bool Masks, bool PerClass, BootstrapOptions? Bootstrap, string? Json);

    protected abstract DetectionScore Evaluate(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, RegionKind region, BootstrapOptions? bootstrap);

    protected abstract IReadOnlyList<PairedComparison> Compare(CocoGroundTruth truth, IReadOnlyList<CocoDetection> a, IReadOnlyList<CocoDetection> b, RegionKind region, BootstrapOptions? bootstrap);

    private int Run(Settings settings)
    {
        var truth = CocoGroundTruth.Load(settings.GroundTruth, settings.Masks);
        var detections = DetectionsFile.Load(Terminal, settings.Detections, truth, settings.Masks);
        var region = settings.Masks ? RegionKind.Mask : RegionKind.Box;
        var score = Evaluate(truth, detections, region, settings.Bootstrap);
        var against = settings.Against is { } other ? Compare(truth, detections, DetectionsFile.Load(Terminal, other, truth, settings.Masks), region, settings.Bootstrap) : null;
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => score.WriteJson(json, Provenance.Of(Terminal, settings.Bootstrap?.Seed ?? 0), against));
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        ScoreTable.Write(Terminal, score, settings.PerClass);
        if (against is not null) ComparisonTable.Write(Terminal, against, settings.Against!);
        return ExitCode.Success;
    }
}
