using System.CommandLine;
using Sightline.Grounding;
using Sightline.Text.Prompts;
using Sightline.Training.Evaluation;

namespace Sightline.Cli;

/// <summary>How a vision-language model is asked in an evaluation, what counts, and how often.</summary>
internal sealed class EvaluationProtocolOptions
{
    private readonly Option<string> _protocol = new("--protocol")
    {
        Description = "What counts: official (all classes, whole names, unread answers are misses), published (Visual-RFT's and VLM-R1's rules and prompts), or both side by side",
        HelpName = "RULES",
        DefaultValueFactory = _ => "official",
    };

    private readonly Option<int> _runs = new("--runs") { Description = "Answer everything N times, with seeds from --seed on, and show the spread; needs --temperature", HelpName = "N", DefaultValueFactory = _ => 1 };

    public EvaluationProtocolOptions(Command command, LanguageModelOptions language)
    {
        Language = language;
        _protocol.AcceptOnlyFromAmong("official", "published", "both");
        command.Add(_protocol);
        command.Add(ToolCommand.WithRange(_runs, 1, 1000));
    }

    private LanguageModelOptions Language { get; }

    /// <summary>What counts.</summary>
    public EvaluationProtocol Protocol(ParseResult parsed) => Enum.Parse<EvaluationProtocol>(parsed.GetValue(_protocol)!, ignoreCase: true);

    /// <summary>How the model is asked in each run: with the published prompt where published figures are wanted and no other is named.</summary>
    /// <exception cref="SightlineException">Usage: runs that would all be the same.</exception>
    public IReadOnlyList<LanguageOptions> Runs(ParseResult parsed, Grounder grounder, GroundingTask task, ulong seed)
    {
        var options = Language.Of(parsed);
        var runs = parsed.GetValue(_runs);
        if (runs > 1 && (!grounder.CanConverse || options.Sampling.Temperature == 0))
            throw new SightlineException(ErrorKind.Usage, $"{runs} runs would all be the same: only a vision-language model with --temperature above 0 answers differently each time");
        if (options.Prompt is null && Protocol(parsed) != EvaluationProtocol.Official) options = options with { Prompt = PublishedPrompt(task) };
        return [.. Enumerable.Range(0, runs).Select(run => options with { Sampling = options.Sampling with { Seed = seed + (ulong)run } })];
    }

    private static string PublishedPrompt(GroundingTask task) => task == GroundingTask.Phrase ? "vlm-r1/phrase" : $"visual-rft/{task.ToString().ToLowerInvariant()}";
}
