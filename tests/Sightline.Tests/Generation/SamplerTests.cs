using System.Text.Json;
using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Testing;

namespace Sightline.Tests.Generation;

public class SamplerTests
{
    [Fact]
    public void Filters_equal_the_reference()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("generation", "sampler.json")));
        var count = 0;
        foreach (var entry in json.RootElement.GetProperty("cases").EnumerateArray())
        {
            float[] scores = [.. entry.GetProperty("scores").EnumerateArray().Select(v => v.ValueKind == JsonValueKind.String ? float.NegativeInfinity : v.GetSingle())];
            int[] seen = [.. entry.GetProperty("seen").EnumerateArray().Select(v => v.GetInt32())];
            var penalty = entry.GetProperty("repetition_penalty").GetSingle();
            var (topK, topP, minP) = (entry.GetProperty("top_k").GetInt32(), entry.GetProperty("top_p").GetSingle(), entry.GetProperty("min_p").GetSingle());
            if (penalty != 1) Sampler.Penalize(scores, seen, penalty);
            Sampler.Heat(scores, entry.GetProperty("temperature").GetSingle());
            if (topK > 0) Sampler.KeepTopK(scores, topK);
            if (topP < 1) Sampler.KeepTopP(scores, topP);
            if (minP > 0) Sampler.KeepMinP(scores, minP);

            int[] kept = [.. Enumerable.Range(0, scores.Length).Where(i => !float.IsNegativeInfinity(scores[i]))];
            Assert.Equal(entry.GetProperty("kept").EnumerateArray().Select(v => v.GetInt32()), kept);
            Assert.Equal(entry.GetProperty("kept_scores").EnumerateArray().Select(v => v.GetSingle()), kept.Select(i => scores[i]));
            count++;
        }

        Assert.Equal(118, count);
    }

    [Fact]
    public void Draws_follow_the_softmax()
    {
        float[] scores = [0.5f, -1, float.NegativeInfinity, 2, 0.1f];
        var random = new RandomStream(3);
        var counts = new int[scores.Length];
        const int draws = 200_000;
        for (var i = 0; i < draws; i++) counts[Sampler.Draw(scores, random)]++;
        var total = scores.Sum(score => Math.Exp(score));
        for (var i = 0; i < scores.Length; i++)
        {
            var p = Math.Exp(scores[i]) / total;
            Assert.InRange(counts[i] - (draws * p), -5 * Math.Sqrt(draws * p * (1 - p)), 5 * Math.Sqrt(draws * p * (1 - p)));
        }
    }

    [Fact]
    public void A_mask_leaves_only_its_tokens_and_comes_before_the_filters()
    {
        var random = new RandomStream(1);
        for (var i = 0; i < 200; i++)
        {
            float[] scores = [.. Enumerable.Range(0, 130).Select(_ => (float)random.NextNormal())];
            ulong[] mask = [0, 1UL << 5 | 1UL << 9, 2];
            var chosen = Sampler.Choose(scores, new SamplingOptions { TopK = 2, TopP = 0.9f }, [], mask, random);
            Assert.Contains(chosen, new[] { 69, 73, 129 });
        }

        Assert.Equal(-1, Sampler.Choose(new float[130], SamplingOptions.Greedy, [], [0, 0, 0], random));
    }

    [Fact]
    public void Greedy_takes_the_first_of_equals_and_draws_nothing()
    {
        var random = new RandomStream(1);
        var state = random.State;
        Assert.Equal(1, Sampler.Choose([0f, 4, 4, 1], SamplingOptions.Greedy, [], [], random));
        Assert.Equal(1, Sampler.Choose([0f, 4, 4, 1], new SamplingOptions { TopK = 1 }, [], [], random));
        Assert.Equal(state, random.State);
    }

    [Theory]
    [InlineData(-1f, 0, 1f, 0f, 1f)]
    [InlineData(1f, -1, 1f, 0f, 1f)]
    [InlineData(1f, 0, 0f, 0f, 1f)]
    [InlineData(1f, 0, 1.5f, 0f, 1f)]
    [InlineData(1f, 0, 1f, -0.1f, 1f)]
    [InlineData(1f, 0, 1f, 0f, 0f)]
    [InlineData(float.NaN, 0, 1f, 0f, 1f)]
    public void Settings_out_of_range_are_refused(float temperature, int topK, float topP, float minP, float penalty)
    {
        var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, RepetitionPenalty = penalty };
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(options.Check).Kind);
    }
}
