using System.CommandLine;
using Sightline.Cli.Output;
using Sightline.Hub;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline models pull</c>: a model from a hub into its cache.</summary>
internal sealed class ModelsPullCommand : ToolCommand
{
    private readonly Argument<string> _model = new("MODEL") { Description = "OWNER/NAME, or OWNER/NAME@REVISION" };
    private readonly Option<string?> _revision = new("--revision") { Description = "Branch, tag or commit; default: main", HelpName = "REVISION" };
    private readonly Option<string?> _cache = new("--cache") { Description = "Where models are kept; default: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub", HelpName = "FOLDER" };
    private readonly Option<string?> _endpoint = new("--endpoint") { Description = "The hub; default: HF_ENDPOINT, else https://huggingface.co", HelpName = "ADDRESS" };
    private readonly Option<bool> _all = new("--all") { Description = "Every file, not only configuration, tokenizer and safetensors" };

    public ModelsPullCommand()
        : base("pull", "Fetch a model from a hub; goes on where an earlier try stopped", "sightline models pull Qwen/Qwen2-VL-2B-Instruct", "sightline models pull Qwen/Qwen2.5-VL-3B-Instruct --revision main")
    {
        Add(_model);
        Add(_revision);
        Add(_cache);
        Add(_endpoint);
        Add(_all);
        SetAction((parsed, cancellation) => RunAsync(
            new Settings(parsed.GetRequiredValue(_model), parsed.GetValue(_revision), parsed.GetValue(_cache), parsed.GetValue(_endpoint), parsed.GetValue(_all)), cancellation));
    }

    private sealed record Settings(string Model, string? Revision, string? Cache, string? Endpoint, bool All);

    private async Task<int> RunAsync(Settings settings, CancellationToken cancellation)
    {
        var name = HubModelName.Parse(settings.Revision is null ? settings.Model : $"{settings.Model}@{settings.Revision}");
        var hub = HubSettings.FromEnvironment();
        if (settings.Cache is { } cache) hub = hub with { CacheFolder = Path.GetFullPath(cache) };
        if (settings.Endpoint is { } endpoint) hub = hub with { Endpoint = HubSettings.ParseEndpoint(endpoint, "--endpoint") };
        var folder = await PullDisplay.ShowAsync(Terminal, name, progress => new HubPuller(hub).PullAsync(name, settings.All, progress, cancellation));
        Terminal.Line(folder);
        return ExitCode.Success;
    }
}
