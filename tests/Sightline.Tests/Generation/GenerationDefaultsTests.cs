using Sightline.Generation;
using Sightline.Testing;
using Sightline.Tests.Checkpoints;

namespace Sightline.Tests.Generation;

public class GenerationDefaultsTests
{
    [Fact]
    public void A_published_folder_says_how_to_sample_and_where_to_stop()
    {
        var defaults = GenerationDefaults.Load(Fixtures.Path("models", "tiny-qwen2_5-vl"));
        Assert.Equal([858, 856], defaults.StopTokens);
        Assert.Equal(new SamplingOptions { Temperature = 0.1f, TopK = 1, TopP = 0.001f, RepetitionPenalty = 1.05f }, defaults.Sampling);
    }

    [Theory]
    [InlineData("""{"eos_token_id": 7, "temperature": 0.5}""", new[] { 7 })]
    [InlineData("""{"eos_token_id": null}""", new[] { 858 })]
    [InlineData(null, new[] { 858 })]
    public void Without_sampling_the_best_token_is_taken(string? file, int[] stops)
    {
        using var folder = new TemporaryFolder();
        File.Copy(Fixtures.Path("models", "tiny-qwen2-vl", "config.json"), folder.File("config.json"));
        if (file is not null) File.WriteAllText(folder.File("generation_config.json"), file);
        var defaults = GenerationDefaults.Load(folder.Path);
        Assert.Equal(stops, defaults.StopTokens);
        Assert.Equal(SamplingOptions.Greedy, defaults.Sampling);
    }

    [Fact]
    public void Values_that_make_no_sense_are_named()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Fixtures.Path("models", "tiny-qwen2-vl", "config.json"), folder.File("config.json"));
        File.WriteAllText(folder.File("generation_config.json"), """{"do_sample": true, "top_p": 2}""");
        var error = Assert.Throws<SightlineException>(() => GenerationDefaults.Load(folder.Path));
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains("generation_config.json cannot be used: the sampling option TopP is 2", error.Message, StringComparison.Ordinal);
    }
}
