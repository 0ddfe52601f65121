using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Sightline.Cli.Output;
using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline evaluate referring</c>: a model over phrases that mean one thing, or nothing, in their picture.</summary>
internal sealed class EvaluateReferringCommand : ToolCommand
{
    private readonly EvaluationData _data;
    private readonly Option<int> _expressions = new("--expressions") { Description = "Generate N expressions a picture from its labelled boxes; 0: the set's own phrases", HelpName = "N" };
    private readonly IntervalOptions _intervals;
    private readonly Option<string?> _json = JsonOption("the numbers");

    public EvaluateReferringCommand()
        : base(
            "referring",
            "Run a model over referring expressions; accuracy, pointing, \"nothing here\"",
            "sightline evaluate referring --data refcoco.json --pictures photos",
            "sightline evaluate referring --model runs/cells/model --data pascal-folder --split val --expressions 4 --json score.json")
    {
        _data = new EvaluationData(this);
        Add(WithRange(_expressions, 0, 1000));
        _intervals = new IntervalOptions(this);
        Add(_json);
        SetAction((parsed, cancellation) => RunAsync(parsed, new Settings(parsed.GetValue(_expressions), _intervals.Seed(parsed), _intervals.Read(parsed), JsonTarget(parsed, _json)), cancellation));
    }

    private sealed record Settings(int Expressions, ulong Seed, BootstrapOptions? Bootstrap, string? Json);

    private async Task<int> RunAsync(ParseResult parsed, Settings settings, CancellationToken cancellation)
    {
        var data = _data.Data(parsed);
        var names = _data.Names(parsed);
        using var grounder = _data.Load(parsed);
        var evaluator = new DataSetEvaluator(grounder) { Progress = EvaluationData.Progress(Terminal) };
        var result = await evaluator.ReferAsync(data, names, settings.Expressions, settings.Seed, settings.Bootstrap, cancellation);
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => WriteJson(json, result, settings));
        if (settings.Json != JsonOutput.Stdout) WriteTable(result);
        return ExitCode.Success;
    }

    private void WriteTable(ReferringResult result)
    {
        var score = result.Boxes;
        var rows = score.Thresholds.Select((threshold, i) => new[]
        {
            string.Create(CultureInfo.InvariantCulture, $"accuracy at IoU {threshold}"),
            ScoreTable.Number(score.Accuracy[i]),
            score.AccuracyIntervals.Count > i ? ScoreTable.Range(score.AccuracyIntervals[i]) : "",
        }).ToList();
        rows.Add(["mean IoU", ScoreTable.Number(score.MeanIou), score.MeanIouInterval is { } mean ? ScoreTable.Range(mean) : ""]);
        rows.Add(["pointing", ScoreTable.Number(result.Pointing), ""]);
        var correlation = result.Presence.MatthewsCorrelation;
        var interval = result.Presence.Interval is { } range ? string.Create(CultureInfo.InvariantCulture, $"{range.Low:0.000} .. {range.High:0.000}") : "";
        rows.Add(["presence (MCC)", double.IsFinite(correlation) ? correlation.ToString("0.000", CultureInfo.InvariantCulture) : "-", interval]);
        Terminal.Table(["figure", ">value", "interval"], rows);
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{result.Phrases} phrases with one box, {result.Asked} phrases in all"));
    }

    private void WriteJson(Utf8JsonWriter json, ReferringResult result, Settings settings)
    {
        json.WriteStartObject();
        json.WritePropertyName("boxes");
        result.Boxes.WriteJson(json);
        json.WriteNumber("pointing", result.Pointing);
        json.WriteStartObject("presence");
        json.WriteNumber("true_positives", result.Presence.TruePositives);
        json.WriteNumber("false_positives", result.Presence.FalsePositives);
        json.WriteNumber("true_negatives", result.Presence.TrueNegatives);
        json.WriteNumber("false_negatives", result.Presence.FalseNegatives);
        if (double.IsFinite(result.Presence.MatthewsCorrelation)) json.WriteNumber("mcc", result.Presence.MatthewsCorrelation);
        else json.WriteNull("mcc");
        json.WriteEndObject();
        json.WriteNumber("phrases_with_one_box", result.Phrases);
        json.WriteNumber("phrases", result.Asked);
        Provenance.Of(Terminal, settings.Seed).WriteJson(json);
        json.WriteEndObject();
    }
}
