using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Sightline.Checkpoints;
using Sightline.Cli.Output;
using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Verification;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline verify</c>: a model against stored results of a reference implementation, layer by layer.</summary>
internal sealed class VerifyCommand : ToolCommand
{
    private readonly Option<string> _model = new("--model", "-m") { Description = "Folder or name of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL model", HelpName = "FOLDER", Required = true };
    private readonly Option<string> _reference = new("--reference", "-r") { Description = "Folder with cases.json and one safetensors file a case", HelpName = "FOLDER", Required = true };
    private readonly Option<string[]> _cases = new("--case") { Description = "Only this case; may be repeated", HelpName = "NAME" };
    private readonly Option<string> _weights = new("--weights") { Description = "How weights are kept: as-stored, float32, bfloat16, int8, int4; exceptions by part of their path", HelpName = "PLAN", DefaultValueFactory = _ => "as-stored" };
    private readonly Option<double> _tolerance = WithRange(new Option<double>("--tolerance") { Description = "Times the tolerances of a float32 run", HelpName = "FACTOR", DefaultValueFactory = _ => 1 }, 0, 1e9);
    private readonly Option<bool> _noGenerate = new("--no-generate") { Description = "Leave out the generated tokens, which take longest" };
    private readonly Option<string?> _json = JsonOption("every comparison");

    public VerifyCommand()
        : base(
            "verify",
            "Compare a model with stored reference results, layer by layer",
            "sightline verify --model Qwen2-VL-2B-Instruct --reference goldens/qwen2-vl-2b",
            "sightline verify --model Qwen2-VL-2B-Instruct --reference goldens/qwen2-vl-2b --weights int8,visual=bfloat16 --tolerance 1000")
    {
        Add(_model);
        Add(_reference);
        Add(_cases);
        Add(_weights);
        Add(_tolerance);
        Add(_noGenerate);
        Add(_json);
        SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Settings(
                parsed.GetValue(_model)!,
                parsed.GetValue(_reference)!,
                parsed.GetValue(_cases) ?? [],
                parsed.GetValue(_weights)!,
                parsed.GetValue(_tolerance),
                !parsed.GetValue(_noGenerate),
                JsonTarget(parsed, _json)),
            cancellation)));
    }

    private sealed record Settings(string Model, string Reference, string[] Cases, string Weights, double Tolerance, bool Generates, string? Json);

    private int Run(Settings settings, CancellationToken cancellation)
    {
        var plan = WeightPlan.Parse(settings.Weights);
        var reference = ReferenceFolder.Open(settings.Reference);
        var folder = ModelLocation.Resolve(settings.Model);
        var fit = QwenVlModel.Fit(folder, cancellation: cancellation);
        if (!fit.IsExact) Terminal.Hint(fit.ToString());
        fit.ThrowIfUnusable();
        using var loaded = QwenVlModel.Load(folder, plan, cancellation: cancellation);
        var options = new VerificationOptions
        {
            Cases = settings.Cases,
            Generates = settings.Generates,
            ToleranceFactor = settings.Tolerance,
            EndTokens = GenerationDefaults.Load(folder).StopTokens,
            Processor = QwenVlProcessor.Load(folder),
        };
        var report = ModelVerifier.Run(loaded.Model, reference, options, name => Terminal.Hint($"case {name}"), cancellation);
        if (settings.Json is { } target) WriteJson(target, report);
        if (settings.Json != JsonOutput.Stdout) WriteTable(report, fit);
        return report.Passed ? ExitCode.Success : (int)ErrorKind.CheckFailed;
    }

    private void WriteTable(VerificationReport report, FitReport fit)
    {
        Terminal.Table(
            ["tensor", ">cases", ">largest", ">mean", "allowed", "worst case", ""],
            report.Worst().Select(worst => new[]
            {
                worst.Tensor,
                report.Differences.Count(difference => difference.Tensor == worst.Tensor).ToString(CultureInfo.InvariantCulture),
                Number(worst.Largest),
                Number(worst.Mean),
                worst.Tolerance.ToString(),
                worst.Case,
                worst.Passed ? "ok" : "OFF",
            }));
        var off = report.Differences.Count(difference => !difference.Passed);
        if (report.FirstOff is not { } first)
        {
            Terminal.Line(report.Passed ? $"{report.Differences.Count} comparisons, all within their tolerances; {fit.Matched} weights." : "Nothing was compared.");
            return;
        }

        Terminal.Line($"{off} of {report.Differences.Count} comparisons are off.");
        var found = first.Count == 0 || double.IsNaN(first.Mean) && first.Worst.Reference != first.Worst.Ours
            ? FormattableString.Invariant($"{first.Worst.Reference:g6} against {first.Worst.Ours:g6}")
            : FormattableString.Invariant($"element {first.Worst.Index} of {first.Count}: reference {first.Worst.Reference:g9}, ours {first.Worst.Ours:g9}");
        Terminal.Line($"The first one: {first.Tensor} of the case {first.Case}, {found}.");
    }

    private void WriteJson(string target, VerificationReport report) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        json.WriteBoolean("passed", report.Passed);
        json.WriteStartArray("comparisons");
        foreach (var difference in report.Differences)
        {
            json.WriteStartObject();
            json.WriteString("case", difference.Case);
            json.WriteString("tensor", difference.Tensor);
            json.WriteNumber("count", difference.Count);
            WriteNumber(json, "largest", difference.Largest);
            WriteNumber(json, "mean", difference.Mean);
            json.WriteString("allowed", difference.Tolerance.ToString());
            json.WriteBoolean("passed", difference.Passed);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static void WriteNumber(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, value);
        else json.WriteNull(name);
    }

    private static string Number(double value) => double.IsNaN(value) ? "NaN" : value == 0 ? "0" : value.ToString("0.0e+00", CultureInfo.InvariantCulture);
}
