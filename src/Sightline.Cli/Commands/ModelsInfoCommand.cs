using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Sightline.Checkpoints;
using Sightline.Cli.Output;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline models info</c>: architecture, sizes, types and files of a model folder.</summary>
internal sealed class ModelsInfoCommand : ToolCommand
{
    private readonly Argument<string?> _model = new("MODEL") { Description = ModelLocation.OptionText, Arity = ArgumentArity.ZeroOrOne };

    public ModelsInfoCommand()
        : base("info", "Architecture, sizes and files of a model", "sightline models info nano", "sightline models info runs/cells/model")
    {
        Add(_model);
        SetAction(parsed => Run(new Settings(parsed.GetValue(_model))));
    }

    private sealed record Settings(string? Model);

    private int Run(Settings settings)
    {
        using var folder = HuggingFaceFolder.Open(ModelLocation.Resolve(settings.Model));
        using var checkpoint = folder.OpenCheckpoint();
        Terminal.Line($"folder: {Path.GetFullPath(folder.Path)}");
        foreach (var property in folder.Config.EnumerateObject()) Terminal.Line($"{property.Name}: {Compact(property.Value)}");
        Terminal.Table(
            ["type", ">tensors", ">numbers", ">MB"],
            checkpoint.Names.Select(name => checkpoint[name]).GroupBy(tensor => tensor.Type).Select(group => new[]
            {
                group.Key.ToString(),
                group.Count().ToString(CultureInfo.InvariantCulture),
                group.Sum(tensor => tensor.Count).ToString("N0", CultureInfo.InvariantCulture),
                (group.Sum(tensor => tensor.Bytes) / 1e6).ToString("0.0", CultureInfo.InvariantCulture),
            }));
        return ExitCode.Success;
    }

    /// <summary>Lists and objects as one line without indentation.</summary>
    private static string Compact(JsonElement value)
    {
        if (value.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object)) return value.ToString();
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, JsonOutput.OneLine)) value.WriteTo(json);
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length).Replace(",", ", ", StringComparison.Ordinal);
    }
}
