using System.Runtime.InteropServices;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Generation;

/// <summary>
/// Continues prompts: token ids in, token ids out. Requests join and leave at every step; a step is one forward pass over the next token of every running
/// answer and parts of new prompts. What prompts have in common, pictures too, is computed once. A request's answer depends on the
/// request alone: not on its companions, nor on when it came, what the cache holds, or the number of threads.
/// <para>
/// Not thread-safe: the thread that submits also steps (training does it so). <see cref="GenerationLoop"/> runs an engine on a thread of its
/// own, for servers and streaming.
/// </para>
/// </summary>
public sealed class GenerationEngine : IDisposable
{
    private readonly ILanguageModel _model;
    private readonly GenerationOptions _options;
    private readonly TokenVocabulary? _vocabulary;
    private readonly KeyValueCache _cache;
    private readonly KeyValuePages _pages;
    private readonly PromptStore _prompts;
    private readonly PictureStore _pictures;
    private readonly StepPlan _plan;
    private readonly TokenChooser _chooser;
    private readonly List<Sequence> _waiting = [];
    private readonly List<Sequence> _running = [];

    /// <summary>Reserves the cache.</summary>
    /// <param name="model">Not owned.</param>
    /// <param name="options">How much at once.</param>
    /// <param name="vocabulary">The bytes of tokens, for texts, stop texts and grammars; null: ids only.</param>
    public GenerationEngine(ILanguageModel model, GenerationOptions? options = null, TokenVocabulary? vocabulary = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _options = options ?? new GenerationOptions();
        _vocabulary = vocabulary;
        _pages = new KeyValuePages(KeyValuePages.For(_options.CacheTokens));
        _cache = new KeyValueCache(model.Sizes, _pages.Count * KeyValuePages.Size, _options.CacheType);
        _prompts = new PromptStore(_pages);
        _pictures = new PictureStore(model, _options.KeptPictures);
        _plan = new StepPlan(_pictures);
        _chooser = new TokenChooser(model.Sizes.VocabularySize, _options.MeasuresEntropy);
    }

    /// <summary>Requests that have not ended yet.</summary>
    public int Active => _waiting.Count + _running.Count;

    /// <summary>Takes a request in; <see cref="Step"/> works on it. All that is wrong with a request is found here.</summary>
    /// <param name="request">The request.</param>
    /// <param name="onToken">Called within <see cref="Step"/> for each token as it is chosen.</param>
    /// <exception cref="SightlineException">Usage: an option is out of range, the prompt does not fit the context or the cache, or the grammar cannot be met within the token limit.</exception>
    public GenerationTicket Submit(GenerationRequest request, Action<GeneratedToken>? onToken = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Sampling.Check();
        var length = request.Prompt.Length;
        Require(length > 0, "the prompt is empty: give at least one token");
        Require(request.MaxTokens > 0, $"{nameof(request.MaxTokens)} is {request.MaxTokens}, but an answer has at least one token");
        Require(_vocabulary is not null || request.StopTexts.Count == 0, "stop texts need the vocabulary of the model: give one to the engine, or use stop tokens");
        var layout = _model.Lay(request.Prompt.Span, [.. request.Pictures.Select(picture => picture.Grid)]);
        var limit = Math.Min(request.MaxTokens, _model.Sizes.ContextLength - length);
        Require(limit > 0, $"the prompt has {length} tokens and the model's context {_model.Sizes.ContextLength}, which leaves no room for an answer: shorten the prompt or use smaller pictures");
        var pages = KeyValuePages.For(length) + KeyValuePages.For(limit - 1);
        Require(pages <= _pages.Count, $"a prompt of {length} tokens and an answer of up to {limit} need a cache of {pages * KeyValuePages.Size} tokens, but the engine has {_pages.Count * KeyValuePages.Size}: ask for fewer, or raise {nameof(GenerationOptions.CacheTokens)}");
        if (request.Constraint is { } constraint)
        {
            var least = constraint.LeastTokens(constraint.Start, request.StopTokens.Count > 0);
            Require(least <= limit, $"the shortest answer that the grammar allows may take {least} tokens, but the answer may have {limit}: raise {nameof(request.MaxTokens)}");
        }

        ulong[] pictures = [.. request.Pictures.Select(PromptKey.Of)];
        var keys = PromptKey.OfTokens(request.Prompt.Span, layout, pictures);
        var text = _vocabulary is null ? null : new AnswerText(_vocabulary, request.StopTexts);
        var sequence = new Sequence(request, layout, pictures, keys, text, onToken) { Limit = limit };
        _waiting.Add(sequence);
        return new GenerationTicket(sequence);
    }

    /// <summary>One step: each running answer grows by one token, and prompts are read on. False: nothing is left to do.</summary>
    /// <exception cref="SightlineException">RunStopped: the model's scores are not numbers.</exception>
    public bool Step()
    {
        DropCancelled();
        Admit();
        if (_running.Count == 0) return _waiting.Count > 0;
        using (Tape.NoGrad())
        using (RowIndependence.Require())
        using (TensorScope.Open())
        {
            var input = PlanStep();
            if (_plan.Chosen.Count == 0 && input is null) return Active > 0;
            var states = Compute(input);
            if (states is not null) Choose(states);
        }

        return Active > 0;
    }

    /// <summary>Answers requests together and returns when all have ended, in their order.</summary>
    public IReadOnlyList<GenerationResult> Run(params IReadOnlyList<GenerationRequest> requests)
    {
        ArgumentNullException.ThrowIfNull(requests);
        GenerationTicket[] tickets = [.. requests.Select(request => Submit(request))];
        while (Step())
        {
        }

        return [.. tickets.Select(ticket => ticket.Result!)];
    }

    /// <summary>
    /// What the image encoder makes of a picture, with the bits that answers are computed from; encoded at the first call. The engine's own: it lasts until pictures
    /// are forgotten, or others come in its place (<see cref="GenerationOptions.KeptPictures"/>) at a later step.
    /// </summary>
    public PictureFeatures Encode(PicturePatches picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        using var off = Tape.NoGrad();
        using var rows = RowIndependence.Require();
        return _pictures.Get(PromptKey.Of(picture), picture, CancellationToken.None);
    }

    /// <summary>Forgets prompts and pictures of the past: call it when the model's weights have changed. Nothing may be running.</summary>
    /// <param name="withPictures">False where the image encoder's weights are as they were.</param>
    public void Forget(bool withPictures = true)
    {
        if (Active > 0) throw new InvalidOperationException($"{Active} requests are running: their keys and values are of the old weights");
        _prompts.Clear();
        if (withPictures) _pictures.Clear();
    }

    /// <summary>Ends all requests at once, as cancelled.</summary>
    public void CancelAll()
    {
        foreach (var sequence in _waiting) sequence.Finish(FinishReason.Cancelled);
        foreach (var sequence in _running) Leave(sequence, FinishReason.Cancelled);
        _waiting.Clear();
        _running.Clear();
    }

    /// <summary>Gives the cache back.</summary>
    public void Dispose()
    {
        CancelAll();
        _prompts.Dispose();
        _pictures.Dispose();
        _cache.Dispose();
    }

    private static void Require(bool holds, string problem)
    {
        if (!holds) throw new SightlineException(ErrorKind.Usage, problem);
    }

    private void DropCancelled()
    {
        foreach (var sequence in _waiting)
        {
            if (sequence.Request.Cancellation.IsCancellationRequested) sequence.Finish(FinishReason.Cancelled);
        }

        foreach (var sequence in _running)
        {
            if (sequence.Request.Cancellation.IsCancellationRequested) Leave(sequence, FinishReason.Cancelled);
        }

        _waiting.RemoveAll(static sequence => sequence.Result is not null);
        _running.RemoveAll(static sequence => sequence.Result is not null);
    }

    private void Leave(Sequence sequence, FinishReason? reason)
    {
        if (reason is { } why) sequence.Finish(why);
        _pages.Release(sequence.PromptPages);
        _pages.Release(sequence.AnswerPages);
        sequence.ReadyState?.Dispose();
        sequence.ReadyState = null;
    }

    /// <summary>Lets waiting requests in, in their order, while there is room; one that mostly repeats a prompt being read waits for it.</summary>
    private void Admit()
    {
        for (var i = 0; i < _waiting.Count && _running.Count < _options.MaxSequences;)
        {
            var sequence = _waiting[i];
            var (stored, common) = _prompts.Find(sequence.Keys);
            if (IsBeingRead(sequence, common))
            {
                i++;
                continue;
            }

            if (!Enter(sequence, stored, common)) return;
            _waiting.RemoveAt(i);
            _running.Add(sequence);
        }
    }

    private bool IsBeingRead(Sequence sequence, int common)
    {
        foreach (var other in _running)
        {
            if (!other.IsReadingPrompt) continue;
            var soon = sequence.Keys.AsSpan().CommonPrefixLength(other.Keys);
            if (soon > common && (soon >= 64 || soon * 2 >= sequence.PromptLength)) return true;
        }

        return false;
    }

    private bool Enter(Sequence sequence, StoredPrompt? stored, int common)
    {
        var isWhole = stored is not null && common == sequence.PromptLength && common == stored.Keys.Length;
        if (!isWhole) common = Math.Min(common, sequence.PromptLength - 1); // the last token's state is needed
        var promptPages = KeyValuePages.For(sequence.PromptLength);
        var sharedPages = isWhole ? promptPages : common / KeyValuePages.Size;
        var answerPages = KeyValuePages.For(sequence.Limit - 1);
        var needed = promptPages - sharedPages + answerPages;
        if (_pages.Free < needed && !_prompts.MakeRoom(needed, stored))
        {
            // a stored prompt that cannot be kept beside this request is given up when nothing else can make room
            if (_running.Count > 0 || stored is null) return false;
            _prompts.Clear();
            return Enter(sequence, null, 0);
        }

        for (var page = 0; page < promptPages; page++)
        {
            if (page < sharedPages) _pages.Share(stored!.Pages[page]);
            sequence.PromptPages.Add(page < sharedPages ? stored!.Pages[page] : _pages.Take());
        }

        for (var page = 0; page < answerPages; page++) sequence.AnswerPages.Add(_pages.Take());
        var rest = common % KeyValuePages.Size;
        if (!isWhole && rest > 0) _cache.Copy(stored!.Pages[sharedPages] * KeyValuePages.Size, sequence.PromptPages[sharedPages] * KeyValuePages.Size, rest);
        if (isWhole) sequence.ReadyState = stored!.LastState.Clone().AsParameter(requiresGrad: false);
        (sequence.Computed, sequence.Shared) = (common, common);
        return true;
    }

    /// <summary>Decides which tokens go into this step; encodes pictures that they need. A request cancelled meanwhile leaves.</summary>
    private LanguageModelInput? PlanStep()
    {
        while (true)
        {
            try
            {
                return _plan.Build(_running, _options.PromptTokensPerStep);
            }
            catch (OperationCanceledException) when (_running.Any(static sequence => sequence.Request.Cancellation.IsCancellationRequested))
            {
                DropCancelled();
            }
        }
    }

    /// <summary>The forward pass; the states from which tokens are chosen, in the order of the plan, or null.</summary>
    private Tensor? Compute(LanguageModelInput? input)
    {
        Tensor? states = null;
        if (input is not null)
        {
            var all = _model.Forward(input, _cache); // [T, C]
            if (_plan.Rows.Count > 0) states = Op.IndexRows(all, Tensor.From(CollectionsMarshal.AsSpan(_plan.Rows), [_plan.Rows.Count]));
        }

        foreach (var (sequence, count) in _plan.Parts)
        {
            var wasReading = sequence.IsReadingPrompt;
            sequence.Computed += count;
            if (wasReading && !sequence.IsReadingPrompt) Store(sequence, states!);
        }

        foreach (var sequence in _plan.Chosen)
        {
            if (sequence.ReadyState is not { } ready) continue;
            states = states is null ? ready : Op.Concat(0, states, ready);
        }

        if (_plan.Parts.Count > 0) _pictures.Trim(PicturesInUse());
        return states;
    }

    private void Store(Sequence sequence, Tensor states)
    {
        var row = _plan.Chosen.IndexOf(sequence);
        _prompts.Add(sequence.Keys, sequence.PromptPages, Op.Slice(states, 0, row, 1).Clone().AsParameter(requiresGrad: false));
    }

    private HashSet<ulong> PicturesInUse() => [.. _running.Where(sequence => sequence.IsReadingPrompt).SelectMany(sequence => sequence.PictureKeys)];

    private void Choose(Tensor states)
    {
        var logits = _model.Logits(states); // [R, V]
        _chooser.Choose(logits, _plan.Chosen);
        try
        {
            Take();
        }
        finally
        {
            // a caller's onToken may throw: what has ended by then has its result and leaves
            foreach (var sequence in _running)
            {
                if (sequence.Result is not null) Leave(sequence, null);
            }

            _running.RemoveAll(static sequence => sequence.Result is not null);
        }
    }

    /// <summary>Gives each answer its token.</summary>
    private void Take()
    {
        for (var i = 0; i < _plan.Chosen.Count; i++)
        {
            var sequence = _plan.Chosen[i];
            sequence.ReadyState?.Dispose();
            sequence.ReadyState = null;
            if (sequence.Request.Cancellation.IsCancellationRequested) continue; // leaves at the next step, without this token
            if (_options.MeasuresEntropy) sequence.Entropies.Add(_chooser.Entropies[i]);
            sequence.Add(_chooser.Ids[i], _chooser.LogProbabilities[i]);
        }
    }
}

/// <summary>What became of a request.</summary>
public sealed class GenerationTicket
{
    private readonly Sequence _sequence;

    internal GenerationTicket(Sequence sequence) => _sequence = sequence;

    /// <summary>The answer, once it has ended.</summary>
    public GenerationResult? Result => _sequence.Result;
}
