using System.Text.Json;
using Sightline.Checkpoints;

namespace Sightline.Generation;

/// <summary>
/// What a model's publisher recommends: <c>generation_config.json</c> of its folder, and the end token of <c>config.json</c> where that file has none.
/// </summary>
/// <param name="StopTokens">Tokens that end an answer (<c>eos_token_id</c>: one or several).</param>
/// <param name="Sampling">How tokens are chosen; greedy where <c>do_sample</c> is off. The seed is 0.</param>
public sealed record GenerationDefaults(IReadOnlyList<int> StopTokens, SamplingOptions Sampling)
{
    /// <summary>Reads them from a model folder.</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: no such folder, or a value that makes no sense.</exception>
    public static GenerationDefaults Load(string folder)
    {
        using var opened = HuggingFaceFolder.Open(folder);
        return Load(opened);
    }

    /// <summary>As <see cref="Load(string)"/>.</summary>
    public static GenerationDefaults Load(HuggingFaceFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        using var json = folder.ReadJson("generation_config.json");
        var where = folder.Find("generation_config.json") ?? folder.ConfigPath;
        var keys = json?.RootElement ?? default;
        var ends = Ends(keys) ?? Ends(folder.Config) ?? (folder.Config.TryGetProperty("text_config", out var text) ? Ends(text) : null) ?? [];
        try
        {
            var sampling = keys.ValueKind == JsonValueKind.Object && keys.TryGetProperty("do_sample", out var sample) && sample.ValueKind == JsonValueKind.True
                ? new SamplingOptions { Temperature = Number(keys, "temperature", 1), TopK = (int)Number(keys, "top_k", 50), TopP = Number(keys, "top_p", 1), MinP = Number(keys, "min_p", 0) }
                : SamplingOptions.Greedy;
            sampling = sampling with { RepetitionPenalty = Number(keys, "repetition_penalty", 1) };
            sampling.Check();
            return new GenerationDefaults(ends, sampling);
        }
        catch (Exception error) when (error is SightlineException or FormatException or InvalidOperationException)
        {
            throw new SightlineException(ErrorKind.BadModel, $"{where} cannot be used: {error.Message}", error);
        }
    }

    private static int[]? Ends(JsonElement keys)
    {
        if (keys.ValueKind != JsonValueKind.Object || !keys.TryGetProperty("eos_token_id", out var ends)) return null;
        if (ends.ValueKind == JsonValueKind.Array) return [.. ends.EnumerateArray().Where(end => end.TryGetInt32(out _)).Select(end => end.GetInt32())];
        return ends.ValueKind == JsonValueKind.Number && ends.TryGetInt32(out var id) ? [id] : null;
    }

    private static float Number(JsonElement keys, string name, float otherwise) =>
        keys.ValueKind == JsonValueKind.Object && keys.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetSingle() : otherwise;
}
