using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Sightline.Checkpoints;
using Sightline.Cli.Output;
using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Quantization;
using Sightline.Verification;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline quantize</c>: a model folder with 8 or 4 bits a weight, and what that costs, layer by layer.</summary>
internal sealed class QuantizeCommand : ToolCommand
{
    private const int RowsShown = 20;
    private readonly Argument<string> _model = new("MODEL") { Description = "Folder or name of a Qwen-VL or fusion model with full weights" };
    private readonly Argument<string> _output = new("OUT") { Description = "The new folder" };
    private readonly Option<string> _weights = new("--weights") { Description = "int8 or int4; exceptions by part of a path, as int4,visual=int8,lm_head=as-stored", HelpName = "PLAN", DefaultValueFactory = _ => "int8" };
    private readonly Option<string?> _calibrate = new("--calibrate") { Description = "Measure each layer's output on these inputs: a folder with cases.json (see verify), or of pictures for a fusion model", HelpName = "FOLDER" };
    private readonly Option<double?> _budget = new("--budget") { Description = "Mean bits a weight; layers that suffer most get more bits than the plan gives, while it lasts", HelpName = "BITS" };
    private readonly Option<string?> _check = new("--check") { Description = "Compare the answers and boxes of both models on these inputs (as --calibrate, or a folder of pictures)", HelpName = "FOLDER" };
    private readonly Option<int> _tokens = WithRange(new Option<int>("--tokens") { Description = "With --check: tokens of each answer", HelpName = "N", DefaultValueFactory = _ => 256 }, 1, 100_000);
    private readonly Option<bool> _float32 = new("--float32") { Description = "With --check: also with float32 activations, which shows the weights' part of the error" };
    private readonly Option<bool> _eachLayer = new("--each-layer") { Description = "With --check: also how far each layer alone moves the boxes; asks everything again for every layer" };
    private readonly Option<string[]> _phrases = new("--phrase") { Description = "What is asked about the pictures; may be repeated", HelpName = "TEXT" };
    private readonly Option<string?> _json = JsonOption("every layer and the check");

    public QuantizeCommand()
        : base(
            "quantize",
            "Make a model folder with 8 or 4 bits a weight",
            "sightline quantize Qwen/Qwen2-VL-2B-Instruct qwen-int8",
            "sightline quantize Qwen2-VL-2B-Instruct qwen-5bit --weights int4 --budget 5.0 --calibrate goldens --check goldens --float32",
            "sightline quantize nano nano-int8 --check pictures --phrase \"the red cell\"")
    {
        RequireJsonFile(_json);
        foreach (var argument in new[] { _model, _output }) Add(argument);
        foreach (var option in new Option[] { _weights, _calibrate, _budget, _check, _tokens, _float32, _eachLayer, _phrases, _json }) Add(option);
        SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Settings(
                parsed.GetValue(_model)!,
                parsed.GetValue(_output)!,
                parsed.GetValue(_weights)!,
                parsed.GetValue(_calibrate),
                parsed.GetValue(_budget),
                parsed.GetValue(_check),
                parsed.GetValue(_tokens),
                parsed.GetValue(_float32),
                parsed.GetValue(_eachLayer),
                parsed.GetValue(_phrases) is { Length: > 0 } phrases ? phrases : null,
                JsonTarget(parsed, _json)),
            cancellation)));
    }

    private sealed record Settings(
        string Model, string Output, string Weights, string? Calibrate, double? Budget, string? Check, int Tokens, bool Float32, bool EachLayer, string[]? Phrases, string? Json)
    {
        /// <summary>The pictures of --check: the folder itself, or those of a reference, which lie in it or beside it; null where it came without.</summary>
        public string? Pictures => IsReference ? new[] { Path.Combine(Check!, "images"), Path.Combine(Check!, "..", "images") }.FirstOrDefault(Directory.Exists) : Check;

        /// <summary>Whether --check has cases for a language model.</summary>
        public bool IsReference => Check is not null && File.Exists(Path.Combine(Check, "cases.json"));
    }

    private int Run(Settings settings, CancellationToken cancellation)
    {
        var plan = WeightPlan.Parse(settings.Weights);
        var model = ModelLocation.Resolve(settings.Model);
        if (settings is { EachLayer: true, Pictures: null }) throw new SightlineException(ErrorKind.Usage, "--each-layer measures boxes: add --check with a folder of pictures");
        // what cannot be read is said before minutes of work
        if (settings.Pictures is { } folder) PictureFolder.RequireSome(folder);
        var reference = settings.IsReference && !IsFusion(model) ? ReferenceFolder.Open(settings.Check!) : null;
        var options = new QuantizationOptions(plan) { Calibration = settings.Calibrate, BudgetBits = settings.Budget };
        if (settings.Phrases is not null) options = options with { Phrases = settings.Phrases };
        var report = FolderQuantizer.Quantize(model, settings.Output, options, Terminal.IsInteractive ? Terminal.Hint : null, cancellation);
        foreach (var leftover in report.Removed) Terminal.Hint($"removed {leftover}, which a killed run had left");
        var answers = reference is null ? null : AnswerCheck.Run(model, settings.Output, reference, settings.Tokens, settings.Float32, Terminal.Hint, cancellation);
        var boxes = settings.Pictures is { } pictures ? BoxCheck.Run(model, settings.Output, pictures, settings.Phrases, cancellation) : null;
        if (settings.EachLayer) report = WithBoxErrors(report, model, settings, cancellation);
        if (settings.Json is { } target) WriteJson(target, report, answers, boxes);
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        WriteLayers(report);
        if (answers is not null) WriteAnswers(answers);
        if (boxes is not null)
            Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"boxes of {boxes.Answers} answers: IoU {boxes.MeanOverlap:0.0000} with the full model's (least {boxes.LeastOverlap:0.000}), sides off by {boxes.MeanCornerError:0.00%} of the picture, scores by {boxes.MeanScoreError:0.0000}"));
        return ExitCode.Success;
    }

    private QuantizationReport WithBoxErrors(QuantizationReport report, string model, Settings settings, CancellationToken cancellation)
    {
        var checks = BoxCheck.EachLayer(model, report.Layers.Select(layer => (layer.Path, layer.Format)), settings.Pictures!, settings.Phrases, Terminal.IsInteractive ? Terminal.Hint : null, cancellation);
        return report with { Layers = [.. report.Layers.Select(layer => layer with { BoxError = checks.TryGetValue(layer.Path, out var check) ? check.MeanCornerError : null })] };
    }

    private static bool IsFusion(string model)
    {
        using var folder = HuggingFaceFolder.Open(model);
        return folder.ModelType == FusionConfig.ModelType;
    }

    private void WriteLayers(QuantizationReport report)
    {
        var worst = report.Layers.OrderByDescending(layer => layer.BoxError ?? 0).ThenByDescending(layer => layer.OutputError ?? layer.WeightError).Take(RowsShown).ToHashSet();
        var shown = report.Layers.Where(worst.Contains).ToList();
        Terminal.Table(
            ["layer", "shape", "format", ">bits", ">weight error", ">output error", ">box error"],
            shown.Select(layer => new[]
            {
                layer.Path,
                $"[{layer.OutputSize}, {layer.InputSize}]",
                FormatName(layer.Format) + (layer.Raised ? " (raised)" : ""),
                layer.Bits.ToString("0.00", CultureInfo.InvariantCulture),
                layer.WeightError.ToString("0.0000", CultureInfo.InvariantCulture),
                layer.OutputError?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "",
                layer.BoxError?.ToString("0.00%", CultureInfo.InvariantCulture) ?? "",
            }));
        if (shown.Count < report.Layers.Count) Terminal.Line($"The {shown.Count} worst of {report.Layers.Count} layers; --json FILE has all.");
        Terminal.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Layers.Count} matrices, {report.Bits:0.00} bits a weight, {report.Layers.Count(layer => layer.Raised)} raised by the budget; {report.BytesBefore / 1e6:0.0} MB are now {report.BytesAfter / 1e6:0.0} MB."));
    }

    private void WriteAnswers(IReadOnlyList<AnswerAgreement> answers) => Terminal.Table(
        ["against the full model", ">logit error", ">largest", ">logit deviation", ">next token", ">greedy", ">tokens until they part"],
        answers.Select(answer => new[]
        {
            answer.Variant,
            answer.MeanLogitError.ToString("0.00000", CultureInfo.InvariantCulture),
            answer.LargestLogitError.ToString("0.0000", CultureInfo.InvariantCulture),
            answer.LogitDeviation.ToString("0.000", CultureInfo.InvariantCulture),
            answer.NextTokenAgreement.ToString("0.0%", CultureInfo.InvariantCulture),
            answer.GreedyAgreement.ToString("0.0%", CultureInfo.InvariantCulture),
            answer.TokensBeforeDifference.ToString("0.0", CultureInfo.InvariantCulture),
        }));

    private static string FormatName(WeightFormat format) => format switch { WeightFormat.Int8 => "int8", WeightFormat.Int4 => "int4", _ => "as-stored" };

    private void WriteJson(string target, QuantizationReport report, IReadOnlyList<AnswerAgreement>? answers, BoxCheck? boxes) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        json.WriteNumber("bits", report.Bits);
        json.WriteNumber("bytes_before", report.BytesBefore);
        json.WriteNumber("bytes_after", report.BytesAfter);
        json.WriteStartArray("layers");
        foreach (var layer in report.Layers) WriteLayer(json, layer);
        json.WriteEndArray();
        if (answers is not null)
        {
            json.WriteStartArray("answers");
            foreach (var answer in answers) WriteAnswer(json, answer);
            json.WriteEndArray();
        }

        if (boxes is not null)
        {
            json.WriteStartObject("boxes");
            json.WriteNumber("answers", boxes.Answers);
            json.WriteNumber("mean_overlap", boxes.MeanOverlap);
            json.WriteNumber("least_overlap", boxes.LeastOverlap);
            json.WriteNumber("mean_corner_error", boxes.MeanCornerError);
            json.WriteNumber("mean_score_error", boxes.MeanScoreError);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    });

    private static void WriteLayer(Utf8JsonWriter json, LayerQuantization layer)
    {
        json.WriteStartObject();
        json.WriteString("path", layer.Path);
        json.WriteString("format", FormatName(layer.Format));
        json.WriteBoolean("raised", layer.Raised);
        json.WriteNumber("bits", layer.Bits);
        json.WriteNumber("numbers", layer.Count);
        json.WriteNumber("weight_error", layer.WeightError);
        if (layer.OutputError is { } error) json.WriteNumber("output_error", error);
        if (layer.BoxError is { } boxes) json.WriteNumber("box_error", boxes);
        json.WriteEndObject();
    }

    private static void WriteAnswer(Utf8JsonWriter json, AnswerAgreement answer)
    {
        json.WriteStartObject();
        json.WriteString("variant", answer.Variant);
        json.WriteNumber("mean_logit_error", answer.MeanLogitError);
        json.WriteNumber("largest_logit_error", answer.LargestLogitError);
        json.WriteNumber("logit_deviation", answer.LogitDeviation);
        json.WriteNumber("next_token_agreement", answer.NextTokenAgreement);
        json.WriteNumber("greedy_agreement", answer.GreedyAgreement);
        json.WriteNumber("tokens_before_difference", answer.TokensBeforeDifference);
        json.WriteNumber("tokens", answer.Tokens);
        json.WriteEndObject();
    }
}
