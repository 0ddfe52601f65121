using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Text.Prompts;
using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline evaluate reasoning</c>: questions about regions, as LISA scores them.</summary>
internal sealed class EvaluateReasoningCommand : ToolCommand
{
    private readonly EvaluationData _data;
    private readonly EvaluationProtocolOptions _protocol;
    private readonly Option<string?> _masks = new("--masks") { Description = "Score these masks and run no model: lines with picture, question, segmentation (COCO)", HelpName = "FILE" };
    private readonly Option<string?> _against = new("--against") { Description = "Test the difference to another run: what it wrote with --json, over the same questions", HelpName = "FILE" };
    private readonly IntervalOptions _intervals;
    private readonly Option<string?> _json = JsonOption("the numbers");

    public EvaluateReasoningCommand()
        : base(
            "reasoning",
            "Run a model over questions about regions; gIoU and cIoU of masks, IoU of boxes (LISA)",
            "sightline evaluate reasoning --model Qwen/Qwen2-VL-2B-Instruct --data ReasonSeg/val --protocol both",
            "sightline evaluate reasoning --data ReasonSeg/val --masks masks.jsonl --json score.json")
    {
        _data = new EvaluationData(this);
        _protocol = new EvaluationProtocolOptions(this, _data.Language);
        Add(_masks);
        Add(_against);
        _intervals = new IntervalOptions(this);
        Add(_json);
        SetAction((parsed, cancellation) => RunAsync(parsed, new Settings(_protocol.Protocol(parsed), parsed.GetValue(_masks), parsed.GetValue(_against), _intervals.Seed(parsed), _intervals.Read(parsed), JsonTarget(parsed, _json)), cancellation));
    }

    public override bool DividesItsWork => true;

    private sealed record Settings(EvaluationProtocol Protocol, string? Masks, string? Against, ulong Seed, BootstrapOptions? Bootstrap, string? Json);

    private async Task<int> RunAsync(ParseResult parsed, Settings settings, CancellationToken cancellation)
    {
        var data = _data.Data(parsed);
        var other = settings.Against is { } file ? ReasoningResult.LoadAnswers(file) : null;
        var results = new List<ReasoningResult>();
        if (settings.Masks is { } masks)
        {
            results.Add(DataSetEvaluator.ScoreMasks(data, masks, settings.Bootstrap));
        }
        else
        {
            using var grounder = _data.Load(parsed);
            foreach (var language in _protocol.Runs(parsed, grounder, GroundingTask.Reasoning, settings.Seed))
            {
                var evaluator = new DataSetEvaluator(grounder) { Ranks = Ranks, Language = language, Protocol = settings.Protocol, Progress = EvaluationData.Progress(Terminal) };
                results.Add(await evaluator.ReasonAsync(data, results.Count == 0 ? settings.Bootstrap : null, cancellation));
            }
        }

        if (!Ranks.IsRoot) return ExitCode.Success; // rank 0 has all answers, too, and scores them
        var result = results[0];
        var spread = RunSpread.Of(settings.Seed, results.ConvertAll(one => ReasoningResult.Figures(settings.Protocol == EvaluationProtocol.Published ? one.Published : one.Official)));
        var against = other is null ? null : result.Compare(other, settings.Bootstrap);
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => result.WriteJson(json, Provenance.Of(Terminal, settings.Seed), against, spread));
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        ProtocolTable.Write(Terminal, settings.Protocol, ReasoningResult.Figures(result.Official), ReasoningResult.Figures(result.Published));
        ProtocolTable.Write(Terminal, spread);
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{result.Answers.Count} questions, {(result.HasMasks ? "masks as given" : "boxes as masks")}"));
        if (result.Spoken.Note is { } note) Terminal.Line($"note: {note}");
        if (against is not null) ComparisonTable.Write(Terminal, against, settings.Against!);
        return ExitCode.Success;
    }
}
