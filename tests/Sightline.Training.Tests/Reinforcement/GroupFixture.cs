using System.Text.Json;
using Sightline.Testing;
using Sightline.Training.Reinforcement;

namespace Sightline.Training.Tests.Reinforcement;

/// <summary>One prompt with four completions of a tiny model, as <c>tests/fixtures/qwen/training</c> stores it.</summary>
internal sealed class GroupFixture : IDisposable
{
    private readonly JsonDocument _json;

    public GroupFixture(string model)
    {
        Tensors = new FixtureTensors("qwen", "training", model, "grpo", "group.safetensors");
        _json = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("qwen", "training", model, "grpo", "grpo.json")));
        Columns = Tensors.Shape("completion_ids")[1];
        Advantages = Tensors.Floats("advantages");
        var mask = Tensors.Ints("completion_mask");
        Lengths = [.. Enumerable.Range(0, Size).Select(i => mask.Skip(i * Columns).Take(Columns).Sum())];
    }

    public FixtureTensors Tensors { get; }

    public JsonElement Json => _json.RootElement;

    public int Size => Advantages.Length;

    public int Columns { get; }

    public float[] Advantages { get; }

    public int[] Lengths { get; }

    /// <summary>The rows of a stored table as far as they count.</summary>
    public float[] Row(string name, int completion) => Tensors.Floats(name).AsSpan(completion * Columns, Lengths[completion]).ToArray();

    public int[] Ids(int completion) => [.. Tensors.Longs("completion_ids").Skip(completion * Columns).Take(Lengths[completion]).Select(id => (int)id)];

    public int[] Prompt => [.. Tensors.Longs("prompt_ids").Select(id => (int)id)];

    public ScoredCompletion[] Completions(bool withOld, IReadOnlyList<double>? advantages = null) => [.. Enumerable.Range(0, Size).Select(i => new ScoredCompletion(Row("per_token_logps", i), advantages?[i] ?? Advantages[i])
    {
        Old = withOld ? Row("old_per_token_logps", i) : null,
        Reference = Row("ref_per_token_logps", i),
    })];

    public void Dispose() => _json.Dispose();
}
