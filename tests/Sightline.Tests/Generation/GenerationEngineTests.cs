using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;
using Sightline.Testing;

namespace Sightline.Tests.Generation;

[Collection(Testing.Alone.Name)]
public sealed class GenerationEngineTests : TensorTest
{
    private static readonly GenerationOptions s_small = new() { CacheTokens = 2048, PromptTokensPerStep = 100 };

    /// <summary>Everything about an answer is equal to the last bit: alone, in any company, with any number of threads, prompts shared or not, read in parts or not.</summary>
    [Fact]
    public void Answers_do_not_depend_on_their_company()
    {
        using var model = new ScriptedModel();
        var requests = Requests(12);
        GenerationResult[] alone = [.. requests.Select(request => Alone(model, request, s_small))];
        var threads = ThreadTeam.Shared.Threads;
        foreach (var (options, order, team) in new[]
        {
            (s_small, 1, threads), (s_small with { MaxSequences = 3 }, 1, threads), (s_small with { PromptTokensPerStep = 7 }, -1, threads), (s_small with { CacheTokens = 8192 }, 1, 1), (s_small with { CacheTokens = 8192 }, -1, 3),
        })
        {
            ThreadTeam.SetThreads(team);
            using var engine = new GenerationEngine(model, options);
            var results = engine.Run(order > 0 ? requests : [.. requests.Reverse()]);
            for (var i = 0; i < requests.Length; i++) Same(alone[i], results[order > 0 ? i : requests.Length - 1 - i], $"request {i}, {options}");
        }

        ThreadTeam.SetThreads(threads);
    }

    [Fact]
    public void Requests_join_and_leave_at_every_step()
    {
        using var model = new ScriptedModel();
        var requests = Requests(7);
        using var engine = new GenerationEngine(model, s_small);
        var tickets = new List<GenerationTicket>();
        for (var step = 0; tickets.Count < requests.Length || engine.Active > 0; step++)
        {
            if (step % 3 == 0 && tickets.Count < requests.Length) tickets.Add(engine.Submit(requests[tickets.Count]));
            engine.Step();
        }

        for (var i = 0; i < requests.Length; i++) Same(Alone(model, requests[i], s_small), tickets[i].Result!, $"request {i}");
    }

    [Fact]
    public void A_prompt_and_its_picture_are_computed_once()
    {
        using var model = new ScriptedModel();
        var tokens = 0;
        model.BeforeStep = input => tokens += input.Ids.Length;
        int[] prompt = [5, 6, .. Enumerable.Repeat(ScriptedModel.ImageToken, 140), .. Enumerable.Range(10, 60)];
        var request = new GenerationRequest { Prompt = prompt, Pictures = [ScriptedModel.Picture(3, 140)], MaxTokens = 5, Sampling = new SamplingOptions() };
        using var engine = new GenerationEngine(model, s_small);
        var group = engine.Run([.. Enumerable.Range(0, 8).Select(i => request with { Sampling = new SamplingOptions { Seed = (ulong)i, Temperature = 30 } })]);
        Assert.Equal(prompt.Length + (8 * 4), tokens); // the last token of an answer is never computed
        Assert.Equal(1, model.Encoded);
        Assert.Equal([0, .. Enumerable.Repeat(prompt.Length, 7)], group.Select(result => result.SharedPromptTokens));
        Assert.True(group.Select(result => string.Join(' ', result.Ids)).Distinct().Count() > 4);

        // another question about the same picture: only the question is computed
        tokens = 0;
        int[] other = [.. prompt[..170], .. Enumerable.Range(100, 9)];
        var answer = engine.Run([request with { Prompt = other }])[0];
        Assert.Equal((9 + 4, 1, 170), (tokens, model.Encoded, answer.SharedPromptTokens));
        Same(Alone(model, request with { Prompt = other }, s_small), answer, "shared beginning");

        // another picture is another prompt, though its ids are the same
        var different = engine.Run([request with { Pictures = [ScriptedModel.Picture(4, 140)] }])[0];
        Assert.Equal(2, different.SharedPromptTokens);
    }

    [Fact]
    public void A_learner_computes_the_same_log_probabilities_to_the_last_bit()
    {
        using var model = new ScriptedModel();
        int[] prompt = [.. Enumerable.Range(20, 150)];
        using var engine = new GenerationEngine(model, s_small with { MeasuresEntropy = true });
        var group = engine.Run([.. Enumerable.Range(0, 3).Select(i => new GenerationRequest { Prompt = prompt, MaxTokens = 140 + i, Sampling = new SamplingOptions { Seed = (ulong)i, Temperature = 13, TopK = 50 } })]);

        using var scope = TensorScope.Open();
        using var rows = RowIndependence.Require();
        var ids = new List<int>(prompt);
        var positions = Enumerable.Range(0, prompt.Length).Select(i => (long)i).ToList();
        var (at, targets) = (new List<long>(), new List<long>());
        foreach (var result in group)
        {
            var start = ids.Count;
            for (var i = 0; i < result.Ids.Count; i++)
            {
                at.Add(i == 0 ? prompt.Length - 1 : start + i - 1);
                targets.Add(result.Ids[i]);
            }

            ids.AddRange(result.Ids);
            positions.AddRange(Enumerable.Range(prompt.Length, result.Ids.Count).Select(i => (long)i));
        }

        var states = model.Forward(
            new LanguageModelInput
            {
                Ids = ids.ToArray(),
                Positions = (long[])[.. positions, .. positions, .. positions],
                Layout = AttentionLayout.SharedPrompt(prompt.Length, [.. group.Select(result => result.Ids.Count)]),
            },
            null);
        var logits = model.Logits(Op.IndexRows(states, Tensor.From(at.ToArray(), [at.Count])));
        var learner = Op.LogSoftmaxGather(logits, Tensor.From(targets.ToArray(), [targets.Count])).ToArray<float>();
        Assert.Equal(group.SelectMany(result => result.LogProbabilities), learner);

        // and the entropy of all that could have come, by the temperature alone
        float[] entropies = [.. group.SelectMany(result => result.Entropies)];
        Assert.Equal(learner.Length, entropies.Length);
        var expected = Op.LogSoftmax(Op.Scale(logits, 1 / 13f)).ToArray<float>().Chunk(model.Sizes.VocabularySize).Select(row => -row.Sum(log => Math.Exp(log) * log)).ToArray();
        for (var i = 0; i < entropies.Length; i++) Assert.Equal(expected[i], entropies[i], 1e-4);
        Assert.Empty(Alone(model, new GenerationRequest { Prompt = prompt, MaxTokens = 2 }, s_small).Entropies);
    }

    [Fact]
    public void Cancellation_ends_within_one_token_and_leaves_the_others_alone()
    {
        using var model = new ScriptedModel();
        using var source = new CancellationTokenSource();
        using var engine = new GenerationEngine(model, s_small);
        var seen = 0;
        var request = new GenerationRequest { Prompt = new[] { 5, 6, 7 }, MaxTokens = 50 };
        var cancelled = engine.Submit(request with { Cancellation = source.Token }, token =>
        {
            seen++;
            if (token.Index == 9) source.Cancel();
        });
        var other = engine.Submit(request with { Prompt = new[] { 8, 9 } });
        while (engine.Step())
        {
        }

        Assert.Equal((10, FinishReason.Cancelled, 10), (seen, cancelled.Result!.Reason, cancelled.Result.Ids.Count));
        Same(Alone(model, request with { Prompt = new[] { 8, 9 } }, s_small), other.Result!, "the other");
    }

    /// <summary>A callback that throws ends the step; what had ended by then, the thrower's own answer too, keeps its result.</summary>
    [Theory]
    [InlineData(1, FinishReason.Length)]
    [InlineData(2, FinishReason.Cancelled)]
    public void What_has_ended_stays_so_when_a_callback_throws(int tokens, FinishReason reason)
    {
        using var model = new ScriptedModel();
        using var engine = new GenerationEngine(model, s_small);
        var request = new GenerationRequest { Prompt = new[] { 5, 6, 7 }, MaxTokens = 1 };
        var first = engine.Submit(request);
        var throwing = engine.Submit(request with { Prompt = new[] { 8, 9 }, MaxTokens = tokens }, _ => throw new InvalidDataException());
        Assert.Throws<InvalidDataException>(() =>
        {
            while (engine.Step())
            {
            }
        });
        engine.CancelAll();
        Assert.Equal((FinishReason.Length, reason), (first.Result!.Reason, throwing.Result!.Reason));
        Same(Alone(model, request, s_small), first.Result, "the first");
        Same(Alone(model, request, s_small), engine.Run([request])[0], "the next");
    }

    [Fact]
    public void Cancellation_reaches_the_image_encoder()
    {
        using var model = new ScriptedModel();
        using var source = new CancellationTokenSource();
        model.BeforeEncode = source.Cancel;
        using var engine = new GenerationEngine(model, s_small);
        var request = new GenerationRequest { Prompt = new[] { 5, ScriptedModel.ImageToken, 7 }, Pictures = [ScriptedModel.Picture(3, 1)], MaxTokens = 4 };
        var cancelled = engine.Submit(request with { Cancellation = source.Token });
        var other = engine.Submit(request with { Prompt = new[] { 8, 9 }, Pictures = [] });
        while (engine.Step())
        {
        }

        Assert.Equal((FinishReason.Cancelled, 0, FinishReason.Length), (cancelled.Result!.Reason, model.Encoded, other.Result!.Reason));
    }

    [Fact]
    public void All_memory_comes_back_and_pages_are_reused_for_ever()
    {
        using var model = new ScriptedModel();
        var before = NativePool.Shared.LiveBytes;
        using (var engine = new GenerationEngine(model, s_small with { CacheTokens = 1000 }))
        {
            var random = new RandomStream(9);
            for (var i = 0; i < 30; i++) engine.Submit(new GenerationRequest { Prompt = Enumerable.Range(0, 20 + random.NextInt(300)).Select(_ => 2 + random.NextInt(290)).ToArray(), MaxTokens = 1 + random.NextInt(40) });
            while (engine.Step())
            {
            }

            engine.Submit(new GenerationRequest { Prompt = new[] { 3, 4 }, MaxTokens = 100 });
            engine.Step();
        }

        Assert.Equal(before, NativePool.Shared.LiveBytes);
    }

    [Fact]
    public void A_bfloat16_cache_is_half_as_large_and_near()
    {
        using var model = new ScriptedModel();
        var request = new GenerationRequest { Prompt = Enumerable.Range(5, 200).ToArray(), MaxTokens = 1 };
        var (exact, before) = (Alone(model, request, s_small), NativePool.Shared.LiveBytes);
        using var engine = new GenerationEngine(model, s_small with { CacheType = DType.BFloat16 });
        var half = NativePool.Shared.LiveBytes - before;
        using var whole = new GenerationEngine(model, s_small);
        Assert.InRange((NativePool.Shared.LiveBytes - before - half) / (double)half, 1.9, 2.1);
        var rounded = engine.Run([request])[0];
        Assert.Equal(exact.Ids, rounded.Ids);
        Assert.InRange(exact.LogProbabilities[0] - rounded.LogProbabilities[0], -0.2f, 0.2f);
    }

    /// <summary>
    /// A request has its whole room, prompt and longest answer, before it begins, so that none ever has to give up what it has computed. Those for which there is
    /// no room wait in their order: a large one is not overtaken for ever by small ones.
    /// </summary>
    [Fact]
    public void Requests_wait_for_room_in_their_order_and_none_is_set_back()
    {
        using var model = new ScriptedModel();
        var computed = 0;
        model.BeforeStep = input => computed += input.Ids.Length;
        var options = new GenerationOptions { CacheTokens = 5 * 126, MaxSequences = 8 };
        using var engine = new GenerationEngine(model, options);
        var order = new List<int>();
        int[] sizes = [100, 100, 300, 90, 80, 110]; // pages: 2, 2, 4, 2, 2, 2
        GenerationRequest[] requests = [.. sizes.Select((size, i) => new GenerationRequest { Prompt = Enumerable.Range(0, size).Select(at => 2 + (((at * (i + 3)) + (40 * i)) % 290)).ToArray(), MaxTokens = 20 + (10 * i) })];
        GenerationTicket[] tickets = [.. requests.Select((request, i) => engine.Submit(request, token => { if (token.Index == 0) order.Add(i); }))];
        while (engine.Step())
        {
        }

        Assert.Equal([0, 1, 2, 3, 4, 5], order);
        Assert.Equal(requests.Sum(request => request.Prompt.Length + request.MaxTokens - 1), computed); // nothing twice
        for (var i = 0; i < requests.Length; i++) Same(Alone(model, requests[i], s_small), tickets[i].Result!, $"request {i}");
    }

    [Fact]
    public void A_cache_that_does_not_fit_into_memory_is_refused_and_nothing_stays()
    {
        using var model = new ScriptedModel();
        NativePool.Shared.Trim();
        var before = NativePool.Shared.LiveBytes;
        using (new ScarceMemory(1 << 20)) Assert.Throws<OutOfMemoryException>(() => new GenerationEngine(model, new GenerationOptions { CacheTokens = 1 << 20 }).Dispose());
        Assert.Equal(before, NativePool.Shared.LiveBytes);
    }

    [Fact]
    public void New_weights_need_the_past_to_be_forgotten()
    {
        using var model = new ScriptedModel();
        using var engine = new GenerationEngine(model, s_small);
        var request = new GenerationRequest { Prompt = new[] { 5, 6, 7 }, MaxTokens = 2 };
        engine.Run([request]);
        Assert.Equal(3, engine.Run([request])[0].SharedPromptTokens);
        engine.Forget();
        Assert.Equal(0, engine.Run([request])[0].SharedPromptTokens);
        engine.Submit(request);
        Assert.Throws<InvalidOperationException>(() => engine.Forget());
    }

    [Fact]
    public void Bad_requests_are_refused_before_any_work()
    {
        using var model = new ScriptedModel(context: 200);
        using var engine = new GenerationEngine(model, new GenerationOptions { CacheTokens = 252 });
        var request = new GenerationRequest { Prompt = Enumerable.Repeat(4, 120).ToArray() };
        Refused(request with { Prompt = ReadOnlyMemory<int>.Empty }, "empty");
        Refused(request with { MaxTokens = 0 }, "MaxTokens is 0");
        Refused(request with { StopTexts = ["x"] }, "vocabulary");
        Refused(request with { Prompt = new int[200] }, "leaves no room");
        Refused(request with { Prompt = new int[127], MaxTokens = 60 }, "cache of 378 tokens");
        Refused(request with { Sampling = new SamplingOptions { TopP = 2 } }, "TopP");
        Assert.Equal(80, engine.Run([request])[0].Ids.Count); // the context ends it

        void Refused(GenerationRequest bad, string part)
        {
            var error = Assert.Throws<SightlineException>(() => engine.Submit(bad));
            Assert.Equal(ErrorKind.Usage, error.Kind);
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Scores_that_are_no_numbers_stop_the_run()
    {
        using var model = new ScriptedModel();
        using var engine = new GenerationEngine(model, s_small);
        using var poison = Tensor.Full([model.Sizes.Channels], float.NaN);
        engine.Submit(new GenerationRequest { Prompt = new[] { 5, 1, 7 }, Pictures = [new PicturePatches(new[] { 1f }, new PictureGrid(1, 2, 2))], MaxTokens = 4 });
        using (var features = model.Encode(ScriptedModel.Picture(1, 1)))
        {
            Assert.NotNull(features);
        }

        model.BeforeStep = input => poison.Engine.Copy(poison, input.Pictures.Count > 0 ? input.Pictures[0].Features.Embeddings : poison);
        Assert.Equal(ErrorKind.RunStopped, Assert.Throws<SightlineException>(() => engine.Step()).Kind);
    }

    private static GenerationRequest[] Requests(int count)
    {
        var random = new RandomStream(4);
        int[] common = [.. Enumerable.Range(0, 200).Select(_ => 2 + random.NextInt(290))];
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var shared = random.NextInt(3) * random.NextInt(common.Length);
            int[] prompt = [.. common.Take(shared), .. Enumerable.Range(0, 1 + random.NextInt(90)).Select(_ => 2 + random.NextInt(290))];
            return new GenerationRequest
            {
                Prompt = prompt,
                MaxTokens = 1 + random.NextInt(20),
                StopTokens = i % 2 == 0 ? [] : [.. Enumerable.Range(20, 20)],
                Sampling = i % 3 == 0 ? SamplingOptions.Greedy : new SamplingOptions { Seed = (ulong)i, Temperature = 8, TopP = 0.95f, RepetitionPenalty = 1.1f },
            };
        })];
    }

    private static GenerationResult Alone(ScriptedModel model, GenerationRequest request, GenerationOptions options)
    {
        using var engine = new GenerationEngine(model, options with { PromptTokensPerStep = 4096 });
        return engine.Run([request])[0];
    }

    private static void Same(GenerationResult expected, GenerationResult actual, string what)
    {
        Assert.True(expected.Ids.SequenceEqual(actual.Ids), $"{what}: [{string.Join(" ", actual.Ids)}] for [{string.Join(" ", expected.Ids)}]");
        Assert.True(expected.LogProbabilities.SequenceEqual(actual.LogProbabilities), $"{what}: log-probabilities differ by up to {expected.LogProbabilities.Zip(actual.LogProbabilities, (a, b) => Math.Abs(a - b)).Max():g3}");
        Assert.Equal(expected.Reason, actual.Reason);
    }
}
