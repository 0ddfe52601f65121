using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Text.Prompts;
using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline evaluate classification</c>: a name for each picture.</summary>
internal sealed class EvaluateClassificationCommand : ToolCommand
{
    private const int ShownConfusions = 5;

    private readonly EvaluationData _data;
    private readonly EvaluationProtocolOptions _protocol;
    private readonly Option<string?> _against = new("--against") { Description = "Test the difference to another run: what it wrote with --json, over the same pictures", HelpName = "FILE" };
    private readonly IntervalOptions _intervals;
    private readonly Option<string?> _json = JsonOption("the numbers");

    public EvaluateClassificationCommand()
        : base(
            "classification",
            "Run a model over pictures with a class each (folders named as classes); accuracy",
            "sightline evaluate classification --model Qwen/Qwen2-VL-2B-Instruct --data flowers --split test",
            "sightline evaluate classification --model runs/flowers/model --data flowers --protocol both --value subject=\"a plant\" --value property=\"species of the plant\"")
    {
        _data = new EvaluationData(this);
        _protocol = new EvaluationProtocolOptions(this, _data.Language);
        Add(_against);
        _intervals = new IntervalOptions(this);
        Add(_json);
        SetAction((parsed, cancellation) => RunAsync(parsed, new Settings(_protocol.Protocol(parsed), parsed.GetValue(_against), _intervals.Seed(parsed), _intervals.Read(parsed), JsonTarget(parsed, _json)), cancellation));
    }

    public override bool DividesItsWork => true;

    private sealed record Settings(EvaluationProtocol Protocol, string? Against, ulong Seed, BootstrapOptions? Bootstrap, string? Json);

    private async Task<int> RunAsync(ParseResult parsed, Settings settings, CancellationToken cancellation)
    {
        var data = _data.Data(parsed);
        var names = _data.Names(parsed, data, Terminal);
        var other = settings.Against is { } file ? ClassificationResult.LoadAnswers(file) : null;
        using var grounder = _data.Load(parsed);
        var results = new List<ClassificationResult>();
        foreach (var language in _protocol.Runs(parsed, grounder, GroundingTask.Classification, settings.Seed))
        {
            var evaluator = new DataSetEvaluator(grounder) { Ranks = Ranks, Language = language, Protocol = settings.Protocol, Progress = EvaluationData.Progress(Terminal) };
            results.Add(await evaluator.ClassifyAsync(data, names, results.Count == 0 ? settings.Bootstrap : null, cancellation));
        }

        if (!Ranks.IsRoot) return ExitCode.Success; // rank 0 has all answers, too, and scores them
        var result = results[0];
        var spread = RunSpread.Of(settings.Seed, results.ConvertAll(one => settings.Protocol == EvaluationProtocol.Published ? one.Published : one.Official));
        var against = other is null ? null : result.Compare(other, settings.Bootstrap);
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => result.WriteJson(json, Provenance.Of(Terminal, settings.Seed), against, spread));
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        ProtocolTable.Write(Terminal, settings.Protocol, result.Official, result.Published);
        ProtocolTable.Write(Terminal, spread);
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{result.Answers.Count} pictures of {data.Classes.Count} classes"));
        if (result.Confusions is { Count: > 0 } confusions)
            Terminal.Line("wrong most often: " + string.Join(", ", confusions.Take(ShownConfusions).Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Truth} as {(pair.Said.Length > 0 ? Shorten(pair.Said) : "nothing")} ({pair.Count})"))));
        if (result.Spoken.Note is { } note) Terminal.Line($"note: {note}");
        if (against is not null) ComparisonTable.Write(Terminal, against, settings.Against!);
        return ExitCode.Success;
    }

    private static string Shorten(string text)
    {
        text = text.ReplaceLineEndings(" ");
        return text.Length <= 40 ? text : text[..40] + "...";
    }
}
