using Sightline.Generation;
using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Tests.Generation;

[Collection(Alone.Name)]
public sealed class GenerationLoopTests : TensorTest
{
    private static readonly GenerationRequest s_request = new() { Prompt = new[] { 5, 6, 7 }, MaxTokens = 12 };
    private static readonly GenerationOptions s_options = new() { CacheTokens = 1024 };

    [Fact]
    public async Task Requests_from_many_threads_get_the_answers_they_get_alone()
    {
        using var model = new ScriptedModel();
        GenerationRequest[] requests = [.. Enumerable.Range(0, 10).Select(i => s_request with { Prompt = new[] { 5 + i, 6, 7 }, Sampling = new SamplingOptions { Seed = (ulong)i, Temperature = 8 } })];
        using var alone = new GenerationEngine(model, s_options);
        var expected = alone.Run(requests);
        await using var loop = new GenerationLoop(new GenerationEngine(model, s_options));
        var results = await Task.WhenAll(requests.Select(request => Task.Run(() => loop.GenerateAsync(request))));
        Assert.Equal(expected.SelectMany(result => result.Ids), results.SelectMany(result => result.Ids));
        Assert.Equal(expected.SelectMany(result => result.LogProbabilities), results.SelectMany(result => result.LogProbabilities));
    }

    [Fact]
    public async Task A_stream_has_the_tokens_and_the_text()
    {
        using var model = new ScriptedModel(vocabulary: 870);
        var vocabulary = TokenVocabulary.Of((BytePairTokenizer)Tokenizer.Load(Fixtures.Path("models", "tiny-qwen2-vl")));
        await using var loop = new GenerationLoop(new GenerationEngine(model, s_options, vocabulary));
        var request = s_request with { Sampling = new SamplingOptions { Temperature = 20 }, MaxTokens = 40 };
        var result = await loop.GenerateAsync(request);
        var tokens = new List<GeneratedToken>();
        await foreach (var token in loop.StreamAsync(request)) tokens.Add(token);
        Assert.Equal(result.Ids, tokens.Select(token => token.Id));
        Assert.Equal(result.LogProbabilities, tokens.Select(token => token.LogProbability));
        Assert.Equal(Enumerable.Range(0, 40), tokens.Select(token => token.Index));
        Assert.Equal(result.Text, string.Concat(tokens.Select(token => token.Text)));
    }

    [Fact]
    public async Task Leaving_a_stream_or_cancelling_ends_the_request()
    {
        using var model = new ScriptedModel();
        var steps = 0;
        model.BeforeStep = _ => Interlocked.Increment(ref steps);
        await using var loop = new GenerationLoop(new GenerationEngine(model, new GenerationOptions { CacheTokens = 6000 }));
        var forever = s_request with { MaxTokens = 4000 };
        await foreach (var token in loop.StreamAsync(forever))
        {
            if (token.Index == 3) break;
        }

        using var source = new CancellationTokenSource();
        var waiting = loop.GenerateAsync(forever, source.Token);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await loop.GenerateAsync(s_request); // would wait for ever behind the others
        var before = Volatile.Read(ref steps);
        await loop.GenerateAsync(s_request with { MaxTokens = 5 });
        Assert.InRange(Volatile.Read(ref steps) - before, 4, 6); // nobody else is in the steps
    }

    [Fact]
    public async Task A_refused_request_and_a_failed_step_reach_their_senders_and_the_loop_goes_on()
    {
        using var model = new ScriptedModel();
        await using var loop = new GenerationLoop(new GenerationEngine(model, s_options));
        await Assert.ThrowsAsync<SightlineException>(() => loop.GenerateAsync(s_request with { MaxTokens = 0 }));
        model.BeforeStep = input => throw new InvalidOperationException($"{input.Ids.Length} tokens");
        Assert.Equal("3 tokens", (await Assert.ThrowsAsync<InvalidOperationException>(() => loop.GenerateAsync(s_request))).Message);
        model.BeforeStep = null;
        Assert.Equal(12, (await loop.GenerateAsync(s_request)).Ids.Count);
    }

    [Fact]
    public async Task Disposal_cancels_what_runs()
    {
        using var model = new ScriptedModel();
        var loop = new GenerationLoop(new GenerationEngine(model, new GenerationOptions { CacheTokens = 6000 }));
        var running = loop.GenerateAsync(s_request with { MaxTokens = 4000 });
        await loop.DisposeAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => loop.GenerateAsync(s_request));
    }
}
