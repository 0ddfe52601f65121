using Sightline.Generation.Constraints;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Generation;

/// <summary>
/// A request on its way: its tokens, where their keys and values lie, and what has been said so far. The prompt's pages and the answer's are apart (the
/// answer begins on a page of its own), so that answers to one prompt share all of the prompt's pages, and so that a learner's layout
/// <see cref="AttentionLayout.SharedPrompt"/> sums keys in the same order.
/// </summary>
internal sealed class Sequence(GenerationRequest request, PromptLayout layout, ulong[] pictureKeys, ulong[] keys, AnswerText? text, Action<GeneratedToken>? onToken)
{
    public GenerationRequest Request => request;

    public PromptLayout Layout => layout;

    public ulong[] PictureKeys => pictureKeys;

    /// <summary>One for each token of the prompt.</summary>
    public ulong[] Keys => keys;

    /// <summary>Prompt and answer.</summary>
    public List<int> Ids { get; } = [.. request.Prompt.Span];

    public int PromptLength => keys.Length;

    public int AnswerLength => Ids.Count - keys.Length;

    /// <summary>Most tokens of the answer.</summary>
    public int Limit { get; init; }

    /// <summary>Tokens whose keys and values are in the cache.</summary>
    public int Computed { get; set; }

    public int Shared { get; set; }

    public List<int> PromptPages { get; } = [];

    public List<int> AnswerPages { get; } = [];

    /// <summary>The state of the prompt's last token where another request computed it, [1, C].</summary>
    public Tensor? ReadyState { get; set; }

    public List<float> LogProbabilities { get; } = [];

    public List<float> Entropies { get; } = [];

    public RandomStream Random { get; } = new(request.Sampling.Seed);

    public AnswerText? Text => text;

    /// <summary>Place in the request's grammar.</summary>
    public GrammarPlace Place { get; set; } = request.Constraint?.Start ?? default;

    public GenerationResult? Result { get; private set; }

    public bool IsReadingPrompt => Computed < keys.Length;

    /// <summary>Where the keys and values of a token go.</summary>
    public int Slot(int index)
    {
        var pages = index < keys.Length ? PromptPages : AnswerPages;
        var within = index < keys.Length ? index : index - keys.Length;
        return (pages[within / KeyValuePages.Size] * KeyValuePages.Size) + (within % KeyValuePages.Size);
    }

    /// <summary>
    /// What the next <paramref name="count"/> tokens see, when they are tokens <paramref name="query"/>.. of a step: a query range for each page of
    /// them, all earlier pages, and the own one up to themselves.
    /// </summary>
    public void AddSpans(List<AttentionSpan> spans, int query, int count)
    {
        for (var done = 0; done < count;)
        {
            var at = Computed + done;
            var isPrompt = at < keys.Length;
            var within = isPrompt ? at : at - keys.Length;
            var page = within / KeyValuePages.Size;
            var first = within % KeyValuePages.Size;
            var part = Math.Min(count - done, KeyValuePages.Size - first);
            var own = isPrompt ? PromptPages : AnswerPages;
            if (!isPrompt) AddPages(spans, query + done, part, PromptPages, keys.Length);
            AddPages(spans, query + done, part, own, page * KeyValuePages.Size);
            spans.Add(new AttentionSpan(query + done, part, own[page] * KeyValuePages.Size, first + part, Causal: true));
            done += part;
        }
    }

    /// <summary>Takes the next token in; <see cref="Result"/> is there when the answer ends with it.</summary>
    public void Add(int id, float logProbability)
    {
        Ids.Add(id);
        LogProbabilities.Add(logProbability);
        var reason = Advance(id);
        var certain = reason is null ? text?.TakeCertain() : text?.TakeRest();
        if (reason is not null) Finish(reason.Value);
        onToken?.Invoke(new GeneratedToken(AnswerLength - 1, id, logProbability, certain ?? ""));
    }

    public void Finish(FinishReason reason) => Result = new GenerationResult
    {
        Ids = Ids[keys.Length..],
        LogProbabilities = LogProbabilities,
        Entropies = Entropies,
        Text = text?.ToString() ?? "",
        TextEnds = text?.Ends ?? [],
        Reason = reason,
        PromptTokens = keys.Length,
        SharedPromptTokens = Shared,
    };

    private FinishReason? Advance(int id)
    {
        if (request.StopTokens.Contains(id))
        {
            text?.AddStop();
            return FinishReason.StopToken;
        }

        if (request.Constraint is { } constraint) Place = constraint.Next(Place, id);
        if (text?.Add(id) ?? false) return FinishReason.StopText;
        if (request.Constraint?.IsOver(Place, Limit - AnswerLength, request.StopTokens.Count > 0) ?? false) return FinishReason.Complete;
        return AnswerLength >= Limit ? FinishReason.Length : null;
    }

    private static void AddPages(List<AttentionSpan> spans, int query, int count, List<int> pages, int tokens)
    {
        for (var i = 0; i * KeyValuePages.Size < tokens; i++)
            spans.Add(new AttentionSpan(query, count, pages[i] * KeyValuePages.Size, Math.Min(KeyValuePages.Size, tokens - (i * KeyValuePages.Size))));
    }
}
