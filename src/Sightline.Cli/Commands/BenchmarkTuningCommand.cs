using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Training.Recipes;
using Sightline.Training.Reinforcement;

namespace Sightline.Cli.Commands;

/// <summary>
/// <c>sightline benchmark tuning</c>: one step of reinforcement phase by phase, on noise, with answers that do not end early.
/// <c>benchmarks/peers/compare_grpo.py</c> puts the same step in PyTorch beside it.
/// </summary>
internal sealed class BenchmarkTuningCommand : ToolCommand
{
    private readonly Option<string> _model = new("--model", "-m") { Description = "Folder of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL model, quantized or not", HelpName = "FOLDER", Required = true };
    private readonly Option<string> _weights = new("--weights") { Description = "How frozen weights are kept: as-stored, bfloat16, int8, int4, with exceptions as int4,visual=int8", HelpName = "PLAN", DefaultValueFactory = _ => "as-stored" };
    private readonly Option<int> _rank = Size("--rank", "Rank of the adapters that are trained; 0: the weights themselves, in float32", 16, 0);
    private readonly Option<int> _group = Size("--group", "Answers", 8, 2);
    private readonly Option<int> _picture = Size("--picture", "Tokens of the picture", 512);
    private readonly Option<int> _prompt = Size("--prompt", "Tokens of the prompt beside the picture's", 128);
    private readonly Option<int> _tokens = Size("--tokens", "Tokens of each answer", 128);
    private readonly Option<int> _batch = Size("--batch", "Answers in one forward and backward pass; 0: all", 0, 0);
    private readonly Option<bool> _recompute = new("--recompute") { Description = "Compute each layer again in the backward pass: less memory, more time" };
    private readonly Option<string[]> _freeze = new("--freeze") { Description = "With --rank 0: a part of the model that is not trained, as visual; may be repeated", HelpName = "PART" };
    private readonly Option<int> _rounds = Size("--rounds", "Steps that are measured, after a small one that does not count", 1);
    private readonly Option<string?> _json = JsonOption("the numbers");

    public BenchmarkTuningCommand()
        : base(
            "tuning",
            "Seconds and memory of one step of reinforcement, phase by phase",
            "sightline benchmark tuning --model qwen-int8",
            "sightline benchmark tuning --model small --rank 0 --freeze visual --picture 25 --prompt 40 --tokens 64 --rounds 5")
    {
        foreach (var option in new Option[] { _model, _weights, _rank, _group, _picture, _prompt, _tokens, _batch, _recompute, _freeze, _rounds, _json }) Add(option);
        SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Settings(
                new LanguageModelRecipe
                {
                    Checkpoint = ModelLocation.Resolve(parsed.GetValue(_model)!),
                    Weights = parsed.GetValue(_weights)!,
                    Adapters = parsed.GetValue(_rank) == 0 ? null : new AdapterRecipe { Rank = parsed.GetValue(_rank), Alpha = 2 * parsed.GetValue(_rank) },
                },
                new PolicyStepSizes
                {
                    Group = parsed.GetValue(_group),
                    PictureTokens = parsed.GetValue(_picture),
                    PromptTokens = parsed.GetValue(_prompt),
                    CompletionTokens = parsed.GetValue(_tokens),
                    Batch = parsed.GetValue(_batch),
                    Recompute = parsed.GetValue(_recompute),
                    Freeze = parsed.GetValue(_freeze) ?? [],
                },
                parsed.GetValue(_rounds),
                JsonTarget(parsed, _json)),
            cancellation)));
    }

    private sealed record Settings(LanguageModelRecipe Model, PolicyStepSizes Sizes, int Rounds, string? Json);

    private static Option<int> Size(string name, string description, int otherwise, int least = 1) =>
        WithRange(new Option<int>(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => otherwise }, least, 1 << 17);

    private static (string What, string Name, Func<PolicyStepTimes, double> Seconds)[] Phases { get; } =
    [
        ("picture", "picture", times => times.Picture),
        ("prompt and first tokens", "prompt", times => times.Prompt),
        ("other tokens", "tokens", times => times.Tokens),
        ("sampling in all", "sampling", times => times.Sampling),
        ("scoring", "scoring", times => times.Scoring),
        ("reference", "reference", times => times.Reference),
        ("forward", "forward", times => times.Forward),
        ("backward", "backward", times => times.Backward),
        ("update", "update", times => times.Update),
        ("learning in all", "learning", times => times.Learning),
        ("step", "step", times => times.Total),
    ];

    private int Run(Settings settings, CancellationToken cancellation)
    {
        using var timer = new PolicyStepTimer(settings.Model, settings.Sizes);
        timer.WarmUp(cancellation);
        var steps = Enumerable.Range(0, settings.Rounds).Select(round => timer.Step(round, cancellation)).OrderBy(step => step.Total).ToArray();
        var middle = steps[steps.Length / 2];
        if (settings.Json is { } target) WriteJson(target, timer, steps, middle);
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        Terminal.Table(
            ["step of reinforcement", ">seconds", ">share"],
            Phases.Select(phase => new[]
            {
                phase.What,
                phase.Seconds(middle).ToString("0.000", CultureInfo.InvariantCulture),
                (100 * phase.Seconds(middle) / middle.Total).ToString("0.0", CultureInfo.InvariantCulture) + " %",
            }));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"the middle one of {steps.Length} step(s), from {steps[0].Total:0.000} to {steps[^1].Total:0.000} s; {timer.TrainedNumbers:N0} numbers trained, weights {timer.WeightBytes / 1e6:N0} MB"));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"tensors at most {middle.PeakBytes / 1e6:N0} MB, process at most {PeakBytes() / 1e6:N0} MB; managed {middle.AllocatedBytes / 1e6:0.0} MB; learner and sampler differ by {middle.SamplerDifference:g3}"));
        BenchmarkReport.WriteMachine(Terminal);
        return ExitCode.Success;
    }

    private static long PeakBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    private void WriteJson(string target, PolicyStepTimer timer, PolicyStepTimes[] steps, PolicyStepTimes middle) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        json.WriteStartObject("seconds");
        foreach (var (_, name, seconds) in Phases) json.WriteNumber(name, Math.Round(seconds(middle), 5));
        json.WriteEndObject();
        json.WriteStartArray("steps");
        foreach (var step in steps) json.WriteNumberValue(Math.Round(step.Total, 5));
        json.WriteEndArray();
        json.WriteNumber("trained_numbers", timer.TrainedNumbers);
        json.WriteNumber("weight_bytes", timer.WeightBytes);
        json.WriteNumber("tensor_bytes", middle.PeakBytes);
        json.WriteNumber("peak_process_bytes", PeakBytes());
        json.WriteNumber("managed_bytes", middle.AllocatedBytes);
        json.WriteNumber("sampler_difference", middle.SamplerDifference);
        BenchmarkReport.WriteMachine(json, Terminal);
        json.WriteEndObject();
    });
}
