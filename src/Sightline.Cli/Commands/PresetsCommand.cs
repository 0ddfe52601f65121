using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Models.Fusion;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline presets</c>: what each size of the model costs.</summary>
internal sealed class PresetsCommand : ToolCommand
{
    private readonly Option<string?> _json = JsonOption("the table");

    public PresetsCommand()
        : base("presets", "The sizes of the grounding model: parameters, work, memory", "sightline presets", "sightline presets --json")
    {
        Add(_json);
        SetAction(parsed => Run(new Settings(JsonTarget(parsed, _json))));
    }

    private sealed record Settings(string? Json);

    private int Run(Settings settings)
    {
        var presets = FusionConfig.Presets.Select(preset => (Name: preset.Key, Config: preset.Value, Cost: FusionCost.Of(preset.Value))).ToList();
        if (settings.Json is { } target) WriteJson(target, presets);
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        Terminal.Table(
            ["preset", ">picture", ">parameters", ">bfloat16 file", ">a picture", ">a phrase", ">training memory, batch 8"],
            presets.Select(preset => new[]
            {
                preset.Name,
                string.Create(CultureInfo.InvariantCulture, $"{preset.Config.ImageSize} x {preset.Config.ImageSize}"),
                string.Create(CultureInfo.InvariantCulture, $"{preset.Cost.Parameters / 1e6:0.0} M"),
                string.Create(CultureInfo.InvariantCulture, $"{preset.Cost.Parameters * 2 / 1e6:0.0} MB"),
                string.Create(CultureInfo.InvariantCulture, $"{preset.Cost.ImageFlops / 1e9:0.0} GFLOP"),
                string.Create(CultureInfo.InvariantCulture, $"{preset.Cost.PhraseFlops / 1e9:0.00} GFLOP"),
                string.Create(CultureInfo.InvariantCulture, $"{TrainingBytes(preset.Cost) / 1e9:0.0} GB"),
            }));
        return ExitCode.Success;
    }

    /// <summary>Weights, gradients, two moments and the average in float32, and the activations of 8 pictures.</summary>
    private static long TrainingBytes(FusionCost cost) => (cost.Parameters * 4 * 5) + (8 * cost.ActivationBytes);

    private void WriteJson(string target, List<(string Name, FusionConfig Config, FusionCost Cost)> presets) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        foreach (var (name, config, cost) in presets)
        {
            json.WriteStartObject(name);
            json.WriteNumber("image_size", config.ImageSize);
            json.WriteNumber("parameters", cost.Parameters);
            json.WriteNumber("picture_flops", cost.ImageFlops);
            json.WriteNumber("phrase_flops", cost.PhraseFlops);
            json.WriteNumber("training_bytes_batch_8", TrainingBytes(cost));
            json.WriteEndObject();
        }

        json.WriteEndObject();
    });
}
