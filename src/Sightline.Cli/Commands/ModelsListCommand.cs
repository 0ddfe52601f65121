using System.CommandLine;
using System.Globalization;
using Sightline.Checkpoints;
using Sightline.Cli.Output;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline models list</c>: the models that can be named without a path.</summary>
internal sealed class ModelsListCommand : ToolCommand
{
    private readonly Option<string?> _json = JsonOption("the list");

    public ModelsListCommand()
        : base("list", "Models that can be named without a path", "sightline models list")
    {
        Add(_json);
        SetAction(parsed => Run(new Settings(JsonTarget(parsed, _json))));
    }

    private sealed record Settings(string? Json);

    private int Run(Settings settings)
    {
        var models = ModelLocation.Shelves().Where(Directory.Exists).Distinct().SelectMany(Directory.GetDirectories)
            .Where(folder => File.Exists(Path.Combine(folder, "config.json")))
            .Order(StringComparer.Ordinal)
            .Select(Describe)
            .ToList();
        if (settings.Json is { } target) WriteJson(target, models);
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        if (models.Count == 0) Terminal.Line($"no models; looked at {string.Join(", ", ModelLocation.Shelves().Distinct())}");
        else Terminal.Table(["model", "type", ">MB", "folder"], models.Select(model => new[] { model.Name, model.Type, string.Create(CultureInfo.InvariantCulture, $"{model.Bytes / 1e6:0.0}"), model.Folder }));
        return ExitCode.Success;
    }

    private static (string Name, string Type, long Bytes, string Folder) Describe(string folder)
    {
        using var model = HuggingFaceFolder.Open(folder);
        return (Path.GetFileName(folder), model.ModelType, new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length), folder);
    }

    private void WriteJson(string target, List<(string Name, string Type, long Bytes, string Folder)> models) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartArray();
        foreach (var (name, type, bytes, folder) in models)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("type", type);
            json.WriteNumber("bytes", bytes);
            json.WriteString("folder", folder);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
