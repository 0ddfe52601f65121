using Sightline.Generation;
using Sightline.Tensors.Ops;

namespace Sightline.Training.Reinforcement;

/// <summary>A prompt and what was said to it.</summary>
/// <param name="Prompt">Token ids.</param>
/// <param name="Layout">From <see cref="ILanguageModel.Lay"/> of the prompt.</param>
/// <param name="Pictures">Its pictures, encoded: on the tape where the vision tower is trained.</param>
/// <param name="Completions">Token ids of each completion, the end token included; none is empty.</param>
public sealed record PromptGroup(int[] Prompt, PromptLayout Layout, IReadOnlyList<PictureFeatures> Pictures, IReadOnlyList<int[]> Completions);

/// <summary>A conversation of which some tokens are to be learned.</summary>
/// <param name="Ids">Token ids of everything.</param>
/// <param name="Layout">From <see cref="ILanguageModel.Lay"/> of everything.</param>
/// <param name="Pictures">Its pictures, encoded: on the tape where the vision tower is trained.</param>
/// <param name="Answers">The ranges of tokens to learn: the answers with their end tokens. The prompt and the user's words are not among them.</param>
public sealed record SupervisedSample(int[] Ids, PromptLayout Layout, IReadOnlyList<PictureFeatures> Pictures, IReadOnlyList<Range> Answers);

/// <summary>
/// Tokens of several texts in one step without padding, and which of the model's states predict which tokens. A prompt's tokens are computed once, however
/// many completions it has: each completion sees the prompt and itself (<see cref="AttentionLayout.SharedPrompt"/>), the prompt's keys and values collect
/// the gradients of all of them, so results and gradients are those of separate texts up to the order of sums.
/// </summary>
public sealed class TokenBatch
{
    private readonly List<int> _ids = [];
    private readonly List<(PromptLayout Layout, int Index)> _places = [];
    private readonly List<AttentionSpan> _spans = [];
    private readonly List<PictureRun> _runs = [];
    private readonly List<long> _rows = [];
    private readonly List<long> _targets = [];
    private readonly List<int> _lengths = [];

    private TokenBatch()
    {
    }

    /// <summary>What the model is given.</summary>
    public LanguageModelInput Input { get; private set; } = null!;

    /// <summary>The states after which each target is predicted, [N].</summary>
    public long[] Rows => [.. _rows];

    /// <summary>The tokens to predict, [N]: completion after completion, or answer after answer.</summary>
    public long[] Targets => [.. _targets];

    /// <summary>Targets of each completion or answer.</summary>
    public IReadOnlyList<int> Lengths => _lengths;

    /// <summary>Prompts with their completions.</summary>
    /// <exception cref="ArgumentException">A completion is empty, or a prompt and its layout differ.</exception>
    public static TokenBatch OfGroups(params IReadOnlyList<PromptGroup> groups)
    {
        ArgumentNullException.ThrowIfNull(groups);
        var batch = new TokenBatch();
        foreach (var group in groups) batch.Add(group);
        batch.Close();
        return batch;
    }

    /// <summary>Conversations with the tokens to learn.</summary>
    /// <exception cref="ArgumentException">A range is outside of its text, empty, or begins with the first token, which nothing predicts.</exception>
    public static TokenBatch OfAnswers(params IReadOnlyList<SupervisedSample> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        var batch = new TokenBatch();
        foreach (var sample in samples) batch.Add(sample);
        batch.Close();
        return batch;
    }

    private void Add(PromptGroup group)
    {
        var first = _ids.Count;
        var prompt = group.Prompt.Length;
        AddText(group.Prompt, group.Layout, group.Pictures, nameof(group));
        foreach (var completion in group.Completions)
        {
            if (completion.Length == 0) throw new ArgumentException("TokenBatch: a completion is empty", nameof(group));
            var start = _ids.Count;
            var read = completion.Length - 1; // nothing follows the last token
            for (var t = 0; t < read; t++)
            {
                _ids.Add(completion[t]);
                _places.Add((group.Layout, prompt + t));
            }

            if (read > 0)
            {
                _spans.Add(new AttentionSpan(start, read, first, prompt));
                _spans.Add(new AttentionSpan(start, read, start, read, Causal: true));
            }

            for (var t = 0; t < completion.Length; t++)
            {
                _rows.Add(t == 0 ? first + prompt - 1 : start + t - 1);
                _targets.Add(completion[t]);
            }

            _lengths.Add(completion.Length);
        }
    }

    private void Add(SupervisedSample sample)
    {
        var first = _ids.Count;
        AddText(sample.Ids, sample.Layout, sample.Pictures, nameof(sample));
        foreach (var answer in sample.Answers)
        {
            var (offset, length) = answer.GetOffsetAndLength(sample.Ids.Length);
            if (offset == 0 || length == 0) throw new ArgumentException($"TokenBatch: the answer {answer} of {sample.Ids.Length} tokens is empty or begins with the first one", nameof(sample));
            for (var t = offset; t < offset + length; t++)
            {
                _rows.Add(first + t - 1);
                _targets.Add(sample.Ids[t]);
            }

            _lengths.Add(length);
        }
    }

    private void AddText(int[] ids, PromptLayout layout, IReadOnlyList<PictureFeatures> pictures, string name)
    {
        if (ids.Length == 0 || layout.Length != ids.Length || layout.Pictures.Count != pictures.Count)
            throw new ArgumentException($"TokenBatch: a text of {ids.Length} tokens and {pictures.Count} pictures has a layout of {layout.Length} and {layout.Pictures.Count}", name);
        var first = _ids.Count;
        _spans.Add(new AttentionSpan(first, ids.Length, first, ids.Length, Causal: true));
        for (var p = 0; p < pictures.Count; p++) _runs.Add(new PictureRun(first + layout.Pictures[p].Start, pictures[p], 0, layout.Pictures[p].Count));
        for (var t = 0; t < ids.Length; t++)
        {
            _ids.Add(ids[t]);
            _places.Add((layout, t));
        }
    }

    private void Close()
    {
        var T = _ids.Count;
        var positions = new long[3 * T];
        for (var t = 0; t < T; t++)
        {
            var (layout, index) = _places[t];
            for (var axis = 0; axis < 3; axis++) positions[(axis * T) + t] = index < layout.Length ? layout.Positions[(axis * layout.Length) + index] : layout.PositionOf(index);
        }

        Input = new LanguageModelInput { Ids = _ids.ToArray(), Positions = positions, Layout = new AttentionLayout([.. _spans]), Pictures = _runs };
    }
}
