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
    private readonly Option<int> _together = new("--together")
    {
        Description = "Classes asked in one pass; answers depend a little on what is asked together",
        HelpName = "N",
        DefaultValueFactory = _ => DataSetEvaluator.UsualClassesTogether,
    };

    private readonly Option<string?> _against = new("--against") { Description = "Test the difference to another run: what it wrote with --save-detections, over the same pictures", HelpName = "FILE" };
    private readonly IntervalOptions _intervals;
    private readonly Option<string?> _json = JsonOption("the numbers");

    public EvaluateDetectionCommand()
        : base(
            "detection",
            "Run a model over a labelled set; COCO's 12 numbers (LVIS's where the set lists absent classes)",
            "sightline evaluate detection --data pascal-folder --split val --phrases phrases.json --per-class",
            "sightline evaluate detection --model runs/cells/model --data cells.jsonl --json score.json",
            "sightline evaluate detection --model runs/other/model --data cells.jsonl --against detections.json")
    {
        _data = new EvaluationData(this);
        Add(_perClass);
        Add(_detections);
        Add(WithRange(_together, 1, 1000));
        Add(_against);
        _intervals = new IntervalOptions(this);
        Add(_json);
        SetAction((parsed, cancellation) => RunAsync(
            parsed,
            new Settings(parsed.GetValue(_perClass), parsed.GetValue(_detections), parsed.GetValue(_together), parsed.GetValue(_against), _intervals.Read(parsed), JsonTarget(parsed, _json)),
            cancellation));
    }

    private sealed record Settings(bool PerClass, string? Detections, int Together, string? Against, BootstrapOptions? Bootstrap, string? Json);

    private async Task<int> RunAsync(ParseResult parsed, Settings settings, CancellationToken cancellation)
    {
        var data = _data.Data(parsed);
        var names = _data.Names(parsed, data);
        var other = settings.Against is { } file ? CocoDetections.Load(file) : null;
        using var grounder = _data.Load(parsed);
        var evaluator = new DataSetEvaluator(grounder) { ClassesTogether = settings.Together, Progress = EvaluationData.Progress(Terminal) };
        var (truth, detections) = await evaluator.FindAsync(data, names, cancellation);
        if (other is not null && CocoDetections.NumberingProblem(truth, other) is { } problem) Terminal.Hint($"warning: {settings.Against}: {problem}");
        if (settings.Detections is { } path) OutputFile.Write(path, stream => WriteDetections(stream, truth, detections));
        var score = DataSetEvaluator.Score(truth, detections, settings.Bootstrap);
        score = score with { Notes = [.. score.Notes, $"classes asked {settings.Together} together"] };
        var against = other is null ? null : DataSetEvaluator.Compare(truth, detections, other, settings.Bootstrap);
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => score.WriteJson(json, Provenance.Of(Terminal, settings.Bootstrap?.Seed ?? 0), against));
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        ScoreTable.Write(Terminal, score, settings.PerClass);
        if (against is not null) ComparisonTable.Write(Terminal, against, settings.Against!);
        return ExitCode.Success;
    }

    private static void WriteDetections(Stream stream, CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections)
    {
        var names = truth.Categories.ToDictionary(category => category.Id, category => category.Name);
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartArray();
        foreach (var found in detections)
        {
            json.WriteStartObject();
            json.WriteNumber("image_id", found.ImageId);
            json.WriteNumber("category_id", found.CategoryId);
            if (names.TryGetValue(found.CategoryId, out var name)) json.WriteString("category_name", name); // sets of other formats have numbers of their own
            json.WriteStartArray("bbox");
            foreach (var value in (ReadOnlySpan<double>)[found.X, found.Y, found.Width, found.Height]) json.WriteNumberValue(value);
            json.WriteEndArray();
            json.WriteNumber("score", found.Score);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
