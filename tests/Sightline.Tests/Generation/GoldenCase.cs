using System.Text.Json;
using Sightline.Generation;
using Sightline.Testing;

namespace Sightline.Tests.Generation;

/// <summary>The prompts of one stored case and what the reference continued them with.</summary>
internal sealed class GoldenCase
{
    private const int ImageToken = 868;
    private readonly FixtureTensors _tensors;

    public GoldenCase(string goldens, string name)
    {
        _tensors = new FixtureTensors("qwen", Folder(goldens), goldens, $"{name}.safetensors");
        var (ids, mask) = (_tensors.Longs("input_ids"), _tensors.Longs("attention_mask"));
        var length = _tensors.Shape("input_ids")[1];
        var pictures = new Queue<PicturePatches>(Pictures(goldens, name));
        Rows = _tensors.Shape("input_ids")[0];
        Requests = [.. Enumerable.Range(0, Rows).Select(row => Request([.. Enumerable.Range(row * length, length).Where(i => mask[i] == 1).Select(i => (int)ids[i])], pictures))];
    }

    public int Rows { get; }

    /// <summary>Greedy, 32 tokens, no stop tokens.</summary>
    public IReadOnlyList<GenerationRequest> Requests { get; }

    public bool Has(string tensor) => _tensors.Contains(tensor);

    public static IEnumerable<string> Names(string goldens)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("qwen", Folder(goldens), goldens, "cases.json")));
        return [.. json.RootElement.GetProperty("cases").EnumerateObject().Select(entry => entry.Name)];
    }

    public int[] Ids(string tensor, int row)
    {
        var length = _tensors.Shape(tensor)[1];
        return [.. _tensors.Longs(tensor).Skip(row * length).Take(length).Select(id => (int)id)];
    }

    public float[] LogProbabilities(string tensor, int row)
    {
        var length = _tensors.Shape(tensor)[1];
        return [.. _tensors.Floats(tensor).Skip(row * length).Take(length)];
    }

    private static string Folder(string goldens) => goldens.Contains("qwen3", StringComparison.Ordinal) ? "qwen3_goldens" : "model_goldens";

    private static GenerationRequest Request(int[] prompt, Queue<PicturePatches> pictures)
    {
        var runs = 0;
        for (var i = 0; i < prompt.Length; i++)
        {
            if (prompt[i] == ImageToken && prompt[i - 1] != ImageToken) runs++;
        }

        return new GenerationRequest { Prompt = prompt, MaxTokens = 32, Pictures = [.. Enumerable.Range(0, runs).Select(_ => pictures.Dequeue())] };
    }

    private static IEnumerable<PicturePatches> Pictures(string goldens, string name)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("qwen", Folder(goldens), goldens, "cases.json")));
        var values = new FixtureTensors("qwen", Folder(goldens), "pixel_values.safetensors");
        if (!json.RootElement.GetProperty("cases").GetProperty(name).TryGetProperty("images", out var images)) return [];
        return [.. images.EnumerateArray().Select(image => image.GetString()!).Select(image =>
        {
            var grid = values.Longs($"{image}.image_grid_thw");
            return new PicturePatches(values.Floats($"{image}.pixel_values"), new PictureGrid((int)grid[0], (int)grid[1], (int)grid[2]));
        })];
    }
}
