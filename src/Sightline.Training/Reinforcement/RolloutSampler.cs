using Sightline.Generation;
using Sightline.Tensors.Ops;

namespace Sightline.Training.Reinforcement;

/// <summary>Answers of the model as it stands, by the engine that serves: a prompt is read once, and all answers to all problems grow together.</summary>
internal sealed class RolloutSampler(TunedModel model) : IDisposable
{
    private GenerationEngine? _engine;
    private int _cacheTokens;

    /// <summary>False: all answers have as many tokens as they may, for measuring.</summary>
    public bool StopsEarly { get; init; } = true;

    /// <summary>Several answers to each problem.</summary>
    /// <param name="problems">The problems.</param>
    /// <param name="answers">Answers to each.</param>
    /// <param name="most">Most tokens of an answer.</param>
    /// <param name="sampling">How tokens are chosen; the seed is not looked at.</param>
    /// <param name="seed">The seed of an answer, by problem and answer.</param>
    /// <param name="cancellation">Ends the call without a result.</param>
    /// <param name="onToken">Told of every token.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<RolloutGroup> Sample(
        IReadOnlyList<PreparedProblem> problems,
        int answers,
        int most,
        SamplingOptions sampling,
        Func<int, int, ulong> seed,
        CancellationToken cancellation,
        Action<GeneratedToken>? onToken = null)
    {
        cancellation.ThrowIfCancellationRequested();
        var requests = new List<GenerationRequest>(problems.Count * answers);
        for (var p = 0; p < problems.Count; p++)
        {
            for (var a = 0; a < answers; a++)
            {
                requests.Add(new GenerationRequest
                {
                    Prompt = problems[p].Ids,
                    Pictures = problems[p].Pictures,
                    MaxTokens = most,
                    Sampling = sampling with { Seed = seed(p, a) },
                    StopTokens = StopsEarly ? model.StopTokens : [],
                    Cancellation = cancellation,
                });
            }
        }

        var engine = Engine(problems, answers, most);
        GenerationTicket[] tickets = [.. requests.Select(request => engine.Submit(request, Tell))];
        while (engine.Step())
        {
        }

        cancellation.ThrowIfCancellationRequested();
        return [.. problems.Select((problem, p) => new RolloutGroup(problem, [.. tickets.Skip(p * answers).Take(answers).Select(ticket => Read(ticket.Result!))]))];

        void Tell(GeneratedToken token)
        {
            TuningEvents.Log.Sampled(token.Index);
            onToken?.Invoke(token);
        }
    }

    /// <summary>Makes room for so much before anything is sampled.</summary>
    public void Reserve(IReadOnlyList<PreparedProblem> problems, int answers, int most) => Engine(problems, answers, most);

    /// <summary>To be called when weights have changed. Pictures are kept where the vision tower is not trained.</summary>
    public void Forget() => Forget(model.TrainsVision);

    /// <summary>As <see cref="Forget()"/>, by choice with the pictures.</summary>
    public void Forget(bool withPictures) => _engine?.Forget(withPictures);

    /// <summary>The sampler's own image tokens of a problem's pictures, until it samples again; null before it has sampled anything.</summary>
    public IReadOnlyList<PictureFeatures>? Encode(PreparedProblem problem) => _engine is { } engine ? [.. problem.Pictures.Select(engine.Encode)] : null;

    public void Dispose()
    {
        _engine?.Dispose();
        _engine = null;
    }

    private Rollout Read(GenerationResult result)
    {
        int[] plain = [.. result.Ids.Where(id => !model.Vocabulary.IsSpecial(id))];
        return new Rollout([.. result.Ids], [.. result.LogProbabilities], result.Text, result.Reason == FinishReason.Length)
        {
            Entropy = result.Entropies.Sum(value => (double)value),
            PlainText = model.Processor.Tokenizer.Decode(plain),
            PlainTokens = plain.Length,
        };
    }

    /// <summary>An engine whose cache holds all of these at once: each prompt once, each answer.</summary>
    private GenerationEngine Engine(IReadOnlyList<PreparedProblem> problems, int answers, int most)
    {
        var needed = problems.Sum(problem => Pages(problem.Ids.Length) + (answers * (Pages(most) + 1))) + 1;
        if (_engine is not null && needed * AttentionLayout.BlockKeys <= _cacheTokens) return _engine;
        _engine?.Dispose();
        _cacheTokens = needed * AttentionLayout.BlockKeys;
        var options = new GenerationOptions { CacheTokens = _cacheTokens, MaxSequences = Math.Max(64, answers), KeptPictures = problems.Count, MeasuresEntropy = true };
        return _engine = new GenerationEngine(model.Network, options, model.Vocabulary);
    }

    private static int Pages(int tokens) => (tokens + AttentionLayout.BlockKeys - 1) / AttentionLayout.BlockKeys;
}
