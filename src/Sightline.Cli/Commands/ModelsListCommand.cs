using System.CommandLine;
using System.Globalization;
using Sightline.Checkpoints;
using Sightline.Cli.Output;
using Sightline.Hub;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline models list</c>: the models that can be named without a path.</summary>
internal sealed class ModelsListCommand : ToolCommand
{
    private readonly Option<string?> _json = JsonOption("the list");
    private readonly Option<string?> _cache = new("--cache") { Description = "Where pulled models are kept; default: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub", HelpName = "FOLDER" };

    public ModelsListCommand()
        : base("list", "Models that can be named without a path", "sightline models list")
    {
        Add(_json);
        Add(_cache);
        SetAction(parsed => Run(new Settings(JsonTarget(parsed, _json), parsed.GetValue(_cache))));
    }

    private sealed record Settings(string? Json, string? Cache);

    private int Run(Settings settings)
    {
        var cache = settings.Cache is { } folder ? new HubCache(Path.GetFullPath(folder)) : HubCache.Default;
        var models = ModelLocation.Shelves().Where(Directory.Exists).Distinct().SelectMany(Directory.GetDirectories)
            .Where(shelved => File.Exists(Path.Combine(shelved, "config.json")))
            .Order(StringComparer.Ordinal)
            .Select(shelved => Describe(Path.GetFileName(shelved), shelved))
            .Concat(cache.List().Select(pulled => Describe(pulled.Name.Revision is { } revision ? $"{pulled.Name}@{revision}" : pulled.Name.ToString(), pulled.Snapshot)))
            .ToList();
        if (settings.Json is { } target) WriteJson(target, models);
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        if (models.Count == 0) Terminal.Line($"no models; looked at {string.Join(", ", ModelLocation.Shelves().Distinct())} and {cache.Folder}");
        else Terminal.Table(["model", "type", ">MB", "folder"], models.Select(model => new[] { model.Name, model.Type, string.Create(CultureInfo.InvariantCulture, $"{model.Bytes / 1e6:0.0}"), model.Folder }));
        return ExitCode.Success;
    }

    private static (string Name, string Type, long Bytes, string Folder) Describe(string name, string folder)
    {
        var bytes = new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(Length);
        try
        {
            using var model = HuggingFaceFolder.Open(folder);
            return (name, model.ModelType, bytes, folder);
        }
        catch (SightlineException)
        {
            // one broken folder does not hide the others; `models info` says what is wrong with it
            return (name, "(damaged)", bytes, folder);
        }
    }

    // files of the cache are links
    private static long Length(FileInfo file) => file.LinkTarget is null ? file.Length : file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo { Exists: true } target ? target.Length : 0;

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
