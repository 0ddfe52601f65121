namespace Sightline.Hub;

/// <summary>Where models come from and where they are kept; the environment variables are those of the hub's own tools.</summary>
public sealed record HubSettings
{
    /// <summary>The hub (<c>HF_ENDPOINT</c>).</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>For gated and private models (<c>HF_TOKEN</c>), or null. Sent to the endpoint's own host only.</summary>
    public string? Token { get; init; }

    /// <summary>The cache (<c>HF_HUB_CACHE</c>, else <c>HF_HOME/hub</c>, else <c>~/.cache/huggingface/hub</c>).</summary>
    public string CacheFolder { get; init; } = DefaultCache();

    /// <summary>Whether nothing may be fetched (<c>HF_HUB_OFFLINE</c>).</summary>
    public bool IsOffline { get; init; }

    /// <summary>Tries in a row that bring nothing before giving up.</summary>
    public int MaximumTries { get; init; } = 6;

    /// <summary>Pause before the second try; doubled for each further one.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest silence of a server.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The clock of the pauses.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>From the environment variables.</summary>
    /// <exception cref="SightlineException">Usage: <c>HF_ENDPOINT</c> is no address.</exception>
    public static HubSettings FromEnvironment()
    {
        var settings = new HubSettings { Token = Variable("HF_TOKEN")?.Trim() is { Length: > 0 } token ? token : null, IsOffline = Variable("HF_HUB_OFFLINE") is { } offline && offline is not ("0" or "false" or "FALSE") };
        return Variable("HF_ENDPOINT") is { } endpoint ? settings with { Endpoint = ParseEndpoint(endpoint, "HF_ENDPOINT") } : settings;
    }

    /// <summary>The address of a hub.</summary>
    /// <exception cref="SightlineException">Usage: it is no http or https address.</exception>
    public static Uri ParseEndpoint(string text, string source) =>
        Uri.TryCreate(text.TrimEnd('/'), UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address
            : throw new SightlineException(ErrorKind.Usage, $"{source} is '{text}', which is no address of a hub: it must begin with https:// or http://");

    private static string DefaultCache()
    {
        if (Variable("HF_HUB_CACHE") is { } cache) return cache;
        if (Variable("HF_HOME") is { } home) return Path.Combine(home, "hub");
        var caches = Variable("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(caches, "huggingface", "hub");
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
