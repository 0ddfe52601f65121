using Sightline.Generation;
using Sightline.Models;
using Sightline.Models.QwenVl;
using Sightline.Testing;

namespace Sightline.Tests.Generation;

/// <summary>
/// The reference's greedy answers, through the engine: alone, together with all others, and with prompts that were there already. Margins between the
/// best two tokens are far above rounding (tests/fixtures/qwen/model_goldens/README.md), so ids are equal; log-probabilities agree to 2e-4.
/// </summary>
[Collection(Testing.Alone.Name)]
public sealed class GoldenGenerationTests : TensorTest
{
    private static readonly int[] s_endTokens = [858, 856];

    public static TheoryData<string, string> Models => new()
    {
        { "tiny-qwen2-vl", "tiny-qwen2-vl" },
        { "tiny-qwen2_5-vl", "tiny-qwen2_5-vl" },
        { "tiny-qwen2_5-vl-bf16-sharded", "tiny-qwen2_5-vl-bf16-sharded" },
        { "tiny-qwen3-vl", "tiny-qwen3-vl" },
        { "tiny-qwen3-vl-bf16", "tiny-qwen3-vl-bf16" },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Alone(string model, string goldens)
    {
        using var loaded = Load(model);
        foreach (var (name, golden) in Cases(goldens))
        {
            for (var row = 0; row < golden.Rows; row++)
            {
                using var engine = new GenerationEngine(loaded.Model, new GenerationOptions { CacheTokens = 1024 });
                Check(name, golden, row, engine.Run([golden.Requests[row]])[0]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void All_together_with_prompts_read_in_parts_and_twice(string model, string goldens)
    {
        using var loaded = Load(model);
        using var engine = new GenerationEngine(loaded.Model, new GenerationOptions { CacheTokens = 8192, PromptTokensPerStep = 37 });
        var all = Cases(goldens).SelectMany(entry => Enumerable.Range(0, entry.Golden.Rows).Select(row => (entry.Name, entry.Golden, Row: row))).ToArray();
        var results = engine.Run([.. all.Concat(all).Select(entry => entry.Golden.Requests[entry.Row])]);
        for (var i = 0; i < results.Count; i++) Check(all[i % all.Length].Name, all[i % all.Length].Golden, all[i % all.Length].Row, results[i]);
        foreach (var second in results.Skip(all.Length)) Assert.Equal(second.PromptTokens, second.SharedPromptTokens);
        for (var i = 0; i < all.Length; i++) Assert.Equal(results[i].LogProbabilities, results[all.Length + i].LogProbabilities);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Stop_tokens_and_penalty(string model, string goldens)
    {
        using var loaded = Load(model);
        using var engine = new GenerationEngine(loaded.Model, new GenerationOptions { CacheTokens = 8192 });
        foreach (var (name, golden) in Cases(goldens))
        {
            for (var row = 0; row < golden.Rows; row++)
            {
                var stopped = engine.Run([golden.Requests[row] with { StopTokens = s_endTokens }])[0];
                if (golden.Has("generate.greedy_ids")) Equal($"{name} {row}", golden.Ids("generate.greedy_ids", row), stopped);
                if (!golden.Has("generate.repetition_penalty_1.05_ids")) continue;
                var penalized = engine.Run([golden.Requests[row] with { StopTokens = s_endTokens, Sampling = new SamplingOptions { Temperature = 0, RepetitionPenalty = 1.05f } }])[0];
                Equal($"{name} {row} penalized", golden.Ids("generate.repetition_penalty_1.05_ids", row), penalized);
            }
        }
    }

    private static PublishedModel<QwenVlModel> Load(string model) => QwenVlModel.Load(Fixtures.Path("models", model));

    private static (string Name, GoldenCase Golden)[] Cases(string goldens) => [.. GoldenCase.Names(goldens).Select(name => (name, new GoldenCase(goldens, name)))];

    private static void Equal(string what, int[] expected, GenerationResult actual)
    {
        Assert.True(expected.AsSpan(0, actual.Ids.Count).SequenceEqual([.. actual.Ids]), $"{what}: [{string.Join(" ", actual.Ids)}] for [{string.Join(" ", expected)}]");
        if (actual.Reason == FinishReason.StopToken) Assert.Contains(actual.Ids[^1], s_endTokens);
        else Assert.Equal(expected.Length, actual.Ids.Count);
    }

    private static void Check(string name, GoldenCase golden, int row, GenerationResult actual)
    {
        var expected = golden.Ids("generate.greedy32_ids", row);
        Assert.True(expected.AsSpan().SequenceEqual([.. actual.Ids]), $"{name} {row}: [{string.Join(" ", actual.Ids)}] for [{string.Join(" ", expected)}]");
        Assert.Equal(FinishReason.Length, actual.Reason);
        if (!golden.Has("generate.greedy32_logprobs")) return;
        var logProbabilities = golden.LogProbabilities("generate.greedy32_logprobs", row);
        for (var i = 0; i < expected.Length; i++) Assert.InRange(actual.LogProbabilities[i] - logProbabilities[i], -2e-4f, 2e-4f);
    }
}
