using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Text.Prompts;
using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline evaluate referring</c>: a model over phrases that mean one thing, or nothing, in their picture.</summary>
internal sealed class EvaluateReferringCommand : ToolCommand
{
    private readonly EvaluationData _data;
    private readonly EvaluationProtocolOptions _protocol;
    private readonly Option<int> _expressions = new("--expressions") { Description = "Generate N expressions a picture from its labelled boxes; 0: the set's own phrases", HelpName = "N" };
    private readonly Option<int> _together = new("--together") { Description = "Phrases asked in one pass; answers depend a little on what is asked together", HelpName = "N", DefaultValueFactory = _ => 1 };
    private readonly Option<string?> _against = new("--against") { Description = "Test the difference to another run: what it wrote with --json, over the same phrases", HelpName = "FILE" };
    private readonly IntervalOptions _intervals;
    private readonly Option<string?> _json = JsonOption("the numbers");

    public EvaluateReferringCommand()
        : base(
            "referring",
            "Run a model over referring expressions; accuracy, pointing, \"nothing here\"",
            "sightline evaluate referring --data refcoco.json --pictures photos",
            "sightline evaluate referring --model runs/cells/model --data pascal-folder --split val --expressions 4 --json score.json",
            "sightline evaluate referring --model runs/other/model --data pascal-folder --split val --expressions 4 --against score.json")
    {
        _data = new EvaluationData(this);
        _protocol = new EvaluationProtocolOptions(this, _data.Language);
        Add(WithRange(_expressions, 0, 1000));
        Add(WithRange(_together, 1, 1000));
        Add(_against);
        _intervals = new IntervalOptions(this);
        Add(_json);
        SetAction((parsed, cancellation) => RunAsync(
            parsed,
            new Settings(
                _protocol.Protocol(parsed), parsed.GetValue(_expressions), parsed.GetValue(_together), parsed.GetValue(_against), _intervals.Seed(parsed), _intervals.Read(parsed), JsonTarget(parsed, _json)),
            cancellation));
    }

    public override bool DividesItsWork => true;

    private sealed record Settings(EvaluationProtocol Protocol, int Expressions, int Together, string? Against, ulong Seed, BootstrapOptions? Bootstrap, string? Json);

    private async Task<int> RunAsync(ParseResult parsed, Settings settings, CancellationToken cancellation)
    {
        var data = _data.Data(parsed);
        var names = _data.Names(parsed, data, Terminal);
        var other = settings.Against is { } file ? ReferringAnswers.Load(file) : null;
        using var grounder = _data.Load(parsed);
        var results = new List<ReferringResult>();
        foreach (var language in _protocol.Runs(parsed, grounder, GroundingTask.Phrase, settings.Seed))
        {
            var evaluator = new DataSetEvaluator(grounder) { Ranks = Ranks, PhrasesTogether = settings.Together, Language = language, Protocol = settings.Protocol, Progress = EvaluationData.Progress(Terminal) };
            results.Add(await evaluator.ReferAsync(data, names, settings.Expressions, settings.Seed, results.Count == 0 ? settings.Bootstrap : null, cancellation));
        }

        if (!Ranks.IsRoot) return ExitCode.Success; // rank 0 has all answers, too, and scores them
        var result = results[0];
        var spread = RunSpread.Of(settings.Seed, results.ConvertAll(one => (IReadOnlyList<(string, double, Interval?)>)[("accuracy at IoU 0.5", one.Boxes.AccuracyAt(0.5), null), ("mean IoU", one.Boxes.MeanIou, null)]));
        var against = other is null ? null : result.Compare(other, settings.Bootstrap);
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => result.WriteJson(json, Provenance.Of(Terminal, settings.Seed), against, spread));
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        WriteTable(result, settings.Protocol);
        ProtocolTable.Write(Terminal, spread);
        if (against is not null) ComparisonTable.Write(Terminal, against, settings.Against!);
        return ExitCode.Success;
    }

    private void WriteTable(ReferringResult result, EvaluationProtocol protocol)
    {
        var score = result.Boxes;
        var rows = score.Thresholds.Select((threshold, i) => new[]
        {
            string.Create(CultureInfo.InvariantCulture, $"accuracy at IoU {threshold}"),
            ScoreTable.Number(score.Accuracy[i]),
            score.AccuracyIntervals.Count > i ? ScoreTable.Range(score.AccuracyIntervals[i]) : "",
        }).ToList();
        if (protocol != EvaluationProtocol.Official) rows.Insert(0, ["as published: IoU above 0.5", ScoreTable.Number(result.PublishedAccuracy), ""]);
        if (result.RelationalAccuracy >= 0) rows.Add(["of position, order, relation, at 0.5", ScoreTable.Number(result.RelationalAccuracy), ""]);
        rows.Add(["mean IoU", ScoreTable.Number(score.MeanIou), score.MeanIouInterval is { } mean ? ScoreTable.Range(mean) : ""]);
        rows.Add(["pointing", ScoreTable.Number(result.Pointing), ""]);
        var correlation = result.Presence.MatthewsCorrelation;
        var interval = result.Presence.Interval is { } range ? string.Create(CultureInfo.InvariantCulture, $"{range.Low:0.000} .. {range.High:0.000}") : "";
        rows.Add(["presence (MCC)", double.IsFinite(correlation) ? correlation.ToString("0.000", CultureInfo.InvariantCulture) : "-", interval]);
        Terminal.Table(["figure", ">value", "interval"], rows);
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{result.Phrases} phrases with one box, {result.Answers.Count} phrases in all, asked {(result.Together == 1 ? "one by one" : $"{result.Together} together")}"));
        if (result.Spoken.Note is { } note) Terminal.Line($"note: {note}");
    }
}
