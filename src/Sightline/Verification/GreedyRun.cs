using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Verification;

/// <summary>
/// The plainest generation with a key-value cache: the most probable token of every prompt, all prompts in one step. The prompts are
/// computed once; each <see cref="Generate"/> begins after them.
/// </summary>
internal sealed class GreedyRun : IDisposable
{
    private readonly QwenVlModel _model;
    private readonly IReadOnlyList<PromptLayout> _layouts;
    private readonly CancellationToken _cancellation;
    private readonly KeyValueCache _cache;
    private readonly int[] _firstSlots;
    private readonly double[] _promptScores;

    /// <summary>Computes the prompts.</summary>
    public GreedyRun(QwenVlModel model, LanguageModelInput prompts, IReadOnlyList<PromptLayout> layouts, int longest, CancellationToken cancellation)
    {
        (_model, _layouts, _cancellation) = (model, layouts, cancellation);
        _firstSlots = new int[layouts.Count];
        for (var b = 1; b < layouts.Count; b++) _firstSlots[b] = _firstSlots[b - 1] + layouts[b - 1].Length + longest;
        _cache = new KeyValueCache(model.Sizes, _firstSlots[^1] + layouts[^1].Length + longest);
        using var scope = TensorScope.Open();
        var spans = new AttentionSpan[layouts.Count];
        var (slots, last, start) = (new List<int>(), new long[layouts.Count], 0);
        for (var b = 0; b < layouts.Count; b++)
        {
            var length = layouts[b].Length;
            spans[b] = new AttentionSpan(start, length, _firstSlots[b], length, Causal: true);
            slots.AddRange(Enumerable.Range(_firstSlots[b], length));
            start += length;
            last[b] = start - 1;
        }

        var states = model.Forward(prompts with { Slots = slots.ToArray(), Layout = new AttentionLayout(spans) }, _cache);
        _promptScores = Scores(Op.IndexRows(states, Tensor.From(last, [last.Length])));
    }

    /// <summary>Up to <paramref name="length"/> tokens for each prompt; one that has ended stays in the step, unheard.</summary>
    public (List<int> Ids, List<double> LogProbabilities)[] Generate(int length, IReadOnlyList<int> ends, double penalty, int[][] prompts)
    {
        var answers = _layouts.Select(_ => (Ids: new List<int>(), LogProbabilities: new List<double>())).ToArray();
        var latest = new int[answers.Length];
        var scores = _promptScores;
        for (var step = 0; step < length; step++)
        {
            _cancellation.ThrowIfCancellationRequested();
            if (step > 0) scores = Next(latest, step - 1);
            var V = _model.Sizes.VocabularySize;
            for (var b = 0; b < answers.Length; b++)
            {
                var own = scores.AsSpan(b * V, V);
                latest[b] = Verification.Scores.Best(Penalized(own, penalty, prompts[b], answers[b].Ids));
                if (answers[b].Ids is [.., var before] && ends.Contains(before)) continue;
                answers[b].Ids.Add(latest[b]);
                answers[b].LogProbabilities.Add(own[latest[b]] - Verification.Scores.LogSumExp(own));
            }
        }

        return answers;
    }

    public void Dispose() => _cache.Dispose();

    /// <summary>Keskar et al. 2019, section 4.1: scores of tokens that have occurred, in prompt or answer, are divided by the penalty, or multiplied where negative.</summary>
    private static double[] Penalized(ReadOnlySpan<double> scores, double penalty, IEnumerable<int> prompt, IEnumerable<int> answer)
    {
        var changed = scores.ToArray();
        if (penalty == 1) return changed;
        foreach (var id in prompt.Concat(answer).Distinct()) changed[id] = changed[id] > 0 ? changed[id] / penalty : changed[id] * penalty;
        return changed;
    }

    /// <summary>One step of a token for each prompt; <paramref name="index"/> is the token's number in the answer.</summary>
    private double[] Next(int[] ids, int index)
    {
        using var scope = TensorScope.Open();
        var B = ids.Length;
        var positions = new long[3 * B];
        var slots = new int[B];
        var spans = new AttentionSpan[B];
        for (var b = 0; b < B; b++)
        {
            var number = _layouts[b].Length + index;
            for (var axis = 0; axis < 3; axis++) positions[(axis * B) + b] = _layouts[b].PositionOf(number);
            slots[b] = _firstSlots[b] + number;
            spans[b] = new AttentionSpan(b, 1, _firstSlots[b], number + 1, Causal: true);
        }

        return Scores(_model.Forward(new LanguageModelInput { Ids = ids.ToArray(), Positions = positions, Slots = slots, Layout = new AttentionLayout(spans) }, _cache));
    }

    private double[] Scores(Tensor states) => [.. _model.Logits(states).ToArray<float>().Select(value => (double)value)];
}
