using System.Runtime.InteropServices;
using System.Text.Json;
using Sightline.Checkpoints;
using Sightline.Generation;
using Sightline.Tensors;

namespace Sightline.Verification;

/// <summary>One case of a <see cref="ReferenceFolder"/>: the stored numbers of a batch of prompts.</summary>
/// <param name="name">Its name.</param>
/// <param name="json">What <c>cases.json</c> says about it.</param>
/// <param name="file">Its tensors.</param>
internal sealed class ReferenceCase(string name, JsonElement json, SafetensorsFile file) : IDisposable
{
    public string Name => name;

    /// <summary>Keys of its pictures in <c>pixel_values.safetensors</c>, in order.</summary>
    public IReadOnlyList<string> Images { get; } = [.. Items(json, "images").Select(key => key.ToString())];

    /// <summary>The token at which <c>generate.stop_ids</c> ends.</summary>
    public int? StopToken => json.TryGetProperty("stop_token", out var token) && token.TryGetInt32(out var id) ? id : null;

    /// <summary>The messages of each prompt.</summary>
    public IReadOnlyList<JsonElement> Conversations { get; } = [.. Items(json, "messages")];

    /// <summary>What the template makes of them.</summary>
    public IReadOnlyList<string> PromptTexts { get; } = [.. Items(json, "prompt_text").Select(text => text.ToString())];

    public IEnumerable<string> Names => file.Tensors.Keys;

    /// <summary>Prompts.</summary>
    public int Batch => (int)file["input_ids"].Sizes[0];

    /// <summary>Length of the padded prompts.</summary>
    public int Length => (int)file["input_ids"].Sizes[1];

    public bool Has(string tensor) => file.Tensors.ContainsKey(tensor);

    public IReadOnlyList<long> Sizes(string tensor) => file[tensor].Sizes;

    /// <summary>A tensor's numbers, whatever its type.</summary>
    public double[] Numbers(string tensor)
    {
        var info = file[tensor];
        using var scope = TensorScope.Open();
        return info.Type switch
        {
            SafetensorsType.I64 => [.. Longs(tensor).Select(value => (double)value)],
            SafetensorsType.I32 => [.. MemoryMarshal.Cast<byte, int>(file.Raw(info)).ToArray().Select(value => (double)value)],
            _ => [.. file.Load(tensor, DType.Float32).ToArray<float>().Select(value => (double)value)],
        };
    }

    public long[] Longs(string tensor) => file[tensor] is { Type: SafetensorsType.I64 } info
        ? MemoryMarshal.Cast<byte, long>(file.Raw(info)).ToArray()
        : throw new SightlineException(ErrorKind.BadData, $"{file.Path}: {tensor} must be I64, is {file[tensor].Type.FileName()}: write the reference again");

    /// <summary>The prompts without their padding: ids and, for each, its place in the padded batch.</summary>
    public (int[] Ids, int[] Places)[] Prompts()
    {
        var ids = Longs("input_ids");
        var mask = Has("attention_mask") ? Longs("attention_mask") : [.. Enumerable.Repeat(1L, ids.Length)];
        var prompts = new (int[], int[])[Batch];
        for (var b = 0; b < Batch; b++)
        {
            int[] places = [.. Enumerable.Range(b * Length, Length).Where(place => mask[place] != 0)];
            prompts[b] = ([.. places.Select(place => checked((int)ids[place]))], places);
        }

        return prompts;
    }

    /// <summary>The grids of the pictures, in order.</summary>
    public PictureGrid[] Grids()
    {
        if (!Has("image_grid_thw")) return [];
        var sizes = Longs("image_grid_thw");
        return [.. Enumerable.Range(0, sizes.Length / 3).Select(i => new PictureGrid((int)sizes[3 * i], (int)sizes[(3 * i) + 1], (int)sizes[(3 * i) + 2]))];
    }

    public void Dispose() => file.Dispose();

    private static IEnumerable<JsonElement> Items(JsonElement json, string key) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(key, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : [];
}
