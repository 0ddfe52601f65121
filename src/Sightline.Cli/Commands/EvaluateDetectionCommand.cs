using System.CommandLine;
using System.Text.Json;
using Sightline.Cli.Output;
using Sightline.Text.Prompts;
using Sightline.Training.Data;
using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline evaluate detection</c>: a model over a labelled set, scored as COCO does.</summary>
internal sealed class EvaluateDetectionCommand : ToolCommand
{
    private readonly EvaluationData _data;
    private readonly EvaluationProtocolOptions _protocol;
    private readonly Option<bool> _perClass = new("--per-class") { Description = "Print a line for each class" };
    private readonly Option<string?> _detections = new("--save-detections") { Description = "Write the detections as COCO results, for a later comparison", HelpName = "FILE" };
    private readonly Option<int> _together = new("--together")
    {
        Description = "Classes asked in one pass, as an application asks them; answers depend a little on what is asked together (1: each alone)",
        HelpName = "N",
        DefaultValueFactory = _ => DataSetEvaluator.UsualClassesTogether,
    };

    private readonly Option<string?> _failures = new("--failures") { Description = "Write the pictures that went worst, with what was missed, wrong and right", HelpName = "FOLDER" };
    private readonly Option<int> _worst = new("--worst") { Description = "How many of them", HelpName = "N", DefaultValueFactory = _ => 12 };
    private readonly Option<string?> _against = new("--against") { Description = "Test the difference to another run: what it wrote with --save-detections, over the same pictures", HelpName = "FILE" };
    private readonly IntervalOptions _intervals;
    private readonly Option<string?> _json = JsonOption("the numbers");

    public EvaluateDetectionCommand()
        : base(
            "detection",
            "Run a model over a labelled set; COCO's 12 numbers (LVIS's where the set lists absent classes)",
            "sightline evaluate detection --data pascal-folder --split val --phrases phrases.json --per-class",
            "sightline evaluate detection --model runs/cells/model --data cells.jsonl --json score.json",
            "sightline evaluate detection --model runs/cells/model --data cells.jsonl --failures worst --worst 20",
            "sightline evaluate detection --model runs/other/model --data cells.jsonl --against detections.json",
            "sightline evaluate detection --model Qwen/Qwen2-VL-2B-Instruct --data cells.jsonl --protocol both")
    {
        _data = new EvaluationData(this);
        _protocol = new EvaluationProtocolOptions(this, _data.Language);
        Add(_perClass);
        Add(_detections);
        Add(WithRange(_together, 1, 1000));
        Add(_failures);
        Add(WithRange(_worst, 1, 10_000));
        Add(_against);
        _intervals = new IntervalOptions(this);
        Add(_json);
        SetAction((parsed, cancellation) => RunAsync(
            parsed,
            new Settings(_protocol.Protocol(parsed), parsed.GetValue(_perClass), parsed.GetValue(_detections), parsed.GetValue(_failures), parsed.GetValue(_worst), parsed.GetValue(_together), parsed.GetValue(_against), _intervals.Seed(parsed), _intervals.Read(parsed), JsonTarget(parsed, _json)),
            cancellation));
    }

    public override bool DividesItsWork => true;

    private sealed record Settings(EvaluationProtocol Protocol, bool PerClass, string? Detections, string? Failures, int Worst, int Together, string? Against, ulong Seed, BootstrapOptions? Bootstrap, string? Json);

    private async Task<int> RunAsync(ParseResult parsed, Settings settings, CancellationToken cancellation)
    {
        var data = _data.Data(parsed);
        var names = _data.Names(parsed, data, Terminal);
        var other = settings.Against is { } file ? CocoDetections.Load(file) : null;
        using var grounder = _data.Load(parsed);
        var runs = new List<DetectionRun>();
        foreach (var language in _protocol.Runs(parsed, grounder, GroundingTask.Detection, settings.Seed))
        {
            var evaluator = new DataSetEvaluator(grounder) { Ranks = Ranks, ClassesTogether = settings.Together, Language = language, Protocol = settings.Protocol, Progress = EvaluationData.Progress(Terminal) };
            runs.Add(await evaluator.FindAsync(data, names, cancellation));
        }

        if (!Ranks.IsRoot) return ExitCode.Success; // rank 0 has all answers, too, and scores them
        var (truth, detections) = runs[0];
        if (other is not null) other = DetectionsFile.Fit(Terminal, settings.Against!, other, truth);
        if (settings.Detections is { } path) OutputFile.WriteAndSay(Terminal, path, stream => WriteDetections(stream, truth, detections));
        if (settings.Failures is { } folder)
        {
            foreach (var written in FailurePictures.Write(folder, data, runs[0], settings.Worst)) Terminal.Hint($"wrote {written}");
        }

        var (official, published) = (Score(runs[0], settings, EvaluationProtocol.Official), Score(runs[0], settings, EvaluationProtocol.Published));
        var score = (official ?? published!) with { Notes = [.. (official ?? published!).Notes, .. Notes(data, runs[0], settings, grounder.CanConverse)] };
        var against = other is null ? null : DataSetEvaluator.Compare(truth, detections, other, settings.Bootstrap);
        var spread = Spread(runs, settings);
        if (settings.Json is { } target)
        {
            JsonOutput.Write(Terminal, target, json => score.WriteJson(json, Provenance.Of(Terminal, settings.Bootstrap?.Seed ?? settings.Seed), against, more =>
            {
                if (official is not null && published is not null)
                {
                    more.WritePropertyName("published");
                    published.WriteJson(more);
                }

                runs[0].Spoken.WriteJson(more);
                spread?.WriteJson(more);
            }));
        }

        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        if (settings.Protocol == EvaluationProtocol.Both) ProtocolTable.Write(Terminal, settings.Protocol, Figures(official!), Figures(published!));
        if (settings.Protocol != EvaluationProtocol.Both || settings.PerClass) ScoreTable.Write(Terminal, score, settings.PerClass);
        else foreach (var note in score.Notes) Terminal.Line($"note: {note}");
        ProtocolTable.Write(Terminal, spread);
        if (against is not null) ComparisonTable.Write(Terminal, against, settings.Against!);
        return ExitCode.Success;
    }

    /// <summary>The score by one set of rules; null where the other alone is wanted.</summary>
    private static DetectionScore? Score(DetectionRun run, Settings settings, EvaluationProtocol rules)
    {
        if (settings.Protocol != EvaluationProtocol.Both && settings.Protocol != rules) return null;
        var counted = rules == EvaluationProtocol.Published ? run.OfPresentClasses() : run;
        return DataSetEvaluator.Score(counted.Truth, counted.Detections, settings.Bootstrap);
    }

    private static IEnumerable<string> Notes(DataSet data, DetectionRun run, Settings settings, bool speaks)
    {
        if (!speaks && settings.Together == 1) yield return "classes asked one by one";
        else if (!speaks && data.Classes.Count > 1) yield return $"classes asked {Math.Min(settings.Together, data.Classes.Count)} together";
        if (data.Problems is not null) yield return "problems say of a picture only which classes were asked for: no other class counts there, for or against (as in LVIS); COCO's own file gives the official figures over all classes";
        if (settings.Protocol == EvaluationProtocol.Published) yield return "as Visual-RFT publishes it: each picture was asked only for the classes that it has, so that no box of another class counts against the model";
        if (run.Spoken.Note is { } note) yield return note;
    }

    private static RunSpread? Spread(List<DetectionRun> runs, Settings settings)
    {
        if (runs.Count < 2) return null;
        var rules = settings.Protocol == EvaluationProtocol.Published ? EvaluationProtocol.Published : EvaluationProtocol.Official;
        return RunSpread.Of(settings.Seed, runs.ConvertAll(run => Figures(Score(run, settings with { Bootstrap = null, Protocol = rules }, rules)!)));
    }

    private static IReadOnlyList<(string, double, Interval?)> Figures(DetectionScore score) =>
        [.. score.Names.Select((name, i) => (name, score.Stats[i], score.Intervals.Count > i ? score.Intervals[i] : (Interval?)null))];

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
