using System.CommandLine;
using System.Text.Json;
using Sightline.Cli.Output;
using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline evaluate detection</c>: a model over a labelled set, scored as COCO does.</summary>
internal sealed class EvaluateDetectionCommand : ToolCommand
{
    private readonly EvaluationData _data;
    private readonly Option<bool> _perClass = new("--per-class") { Description = "Print a line for each class" };
    private readonly Option<string?> _detections = new("--save-detections") { Description = "Write the detections as COCO results, for a later comparison", HelpName = "FILE" };
    private readonly IntervalOptions _intervals;
    private readonly Option<string?> _json = JsonOption("the numbers");

    public EvaluateDetectionCommand()
        : base(
            "detection",
            "Run a model over a labelled set; COCO's 12 numbers",
            "sightline evaluate detection --data pascal-folder --split val --phrases phrases.json --per-class",
            "sightline evaluate detection --model runs/cells/model --data cells.jsonl --json score.json")
    {
        _data = new EvaluationData(this);
        Add(_perClass);
        Add(_detections);
        _intervals = new IntervalOptions(this);
        Add(_json);
        SetAction((parsed, cancellation) => RunAsync(
            parsed, new Settings(parsed.GetValue(_perClass), parsed.GetValue(_detections), _intervals.Read(parsed), JsonTarget(parsed, _json)), cancellation));
    }

    private sealed record Settings(bool PerClass, string? Detections, BootstrapOptions? Bootstrap, string? Json);

    private async Task<int> RunAsync(ParseResult parsed, Settings settings, CancellationToken cancellation)
    {
        var data = _data.Data(parsed);
        var names = _data.Names(parsed);
        using var grounder = _data.Load(parsed);
        var evaluator = new DataSetEvaluator(grounder) { Progress = EvaluationData.Progress(Terminal) };
        var (score, detections) = await evaluator.DetectAsync(data, names, settings.Bootstrap, cancellation);
        if (settings.Detections is { } path) OutputFile.Write(path, stream => WriteDetections(stream, detections));
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => score.WriteJson(json, Provenance.Of(Terminal, settings.Bootstrap?.Seed ?? 0)));
        if (settings.Json != JsonOutput.Stdout) ScoreTable.Write(Terminal, score, settings.PerClass);
        return ExitCode.Success;
    }

    private static void WriteDetections(Stream stream, IReadOnlyList<CocoDetection> detections)
    {
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartArray();
        foreach (var found in detections)
        {
            json.WriteStartObject();
            json.WriteNumber("image_id", found.ImageId);
            json.WriteNumber("category_id", found.CategoryId);
            json.WriteStartArray("bbox");
            foreach (var value in (ReadOnlySpan<double>)[found.X, found.Y, found.Width, found.Height]) json.WriteNumberValue(value);
            json.WriteEndArray();
            json.WriteNumber("score", found.Score);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
