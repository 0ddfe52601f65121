using Sightline.Tensors.Ops;

namespace Sightline.Generation;

/// <summary>Which tokens of which sequences go into a step. Its buffers are used again at every step.</summary>
internal sealed class StepPlan(PictureStore pictures)
{
    private readonly List<AttentionSpan> _spans = [];
    private readonly List<PictureRun> _runs = [];
    private int[] _ids = [];
    private int[] _slots = [];
    private long[] _positions = [];

    /// <summary>The sequences with tokens in the step, and how many.</summary>
    public List<(Sequence Sequence, int Count)> Parts { get; } = [];

    /// <summary>The sequences that get a token, those whose states come from the step first.</summary>
    public List<Sequence> Chosen { get; } = [];

    /// <summary>The tokens of the step after which a token is chosen, for the first sequences of <see cref="Chosen"/>.</summary>
    public List<long> Rows { get; } = [];

    /// <summary>The input of a step, or null when no tokens need computing.</summary>
    /// <exception cref="OperationCanceledException">A request was cancelled while its picture was encoded.</exception>
    public LanguageModelInput? Build(List<Sequence> running, int promptTokens)
    {
        Parts.Clear();
        Chosen.Clear();
        Rows.Clear();
        _spans.Clear();
        _runs.Clear();
        var total = 0;
        foreach (var sequence in running)
        {
            if (sequence.ReadyState is not null) continue;
            var count = 1;
            if (sequence.IsReadingPrompt)
            {
                count = Math.Min(sequence.PromptLength - sequence.Computed, promptTokens);
                if (count == 0) continue;
                promptTokens -= count;
                AddPictures(sequence, total, count);
            }

            Parts.Add((sequence, count));
            total += count;
            if (sequence.Computed + count < sequence.Ids.Count) continue;
            Chosen.Add(sequence);
            Rows.Add(total - 1);
        }

        foreach (var sequence in running)
        {
            if (sequence.ReadyState is not null) Chosen.Add(sequence);
        }

        return total == 0 ? null : Fill(total);
    }

    private LanguageModelInput Fill(int total)
    {
        if (_ids.Length < total)
        {
            (_ids, _slots) = (new int[total * 2], new int[total * 2]);
            _positions = new long[total * 6];
        }

        var at = 0;
        foreach (var (sequence, count) in Parts)
        {
            sequence.AddSpans(_spans, at, count);
            for (var i = 0; i < count; i++, at++)
            {
                var index = sequence.Computed + i;
                _ids[at] = sequence.Ids[index];
                _slots[at] = sequence.Slot(index);
                for (var axis = 0; axis < 3; axis++)
                {
                    var isPrompt = index < sequence.PromptLength;
                    _positions[(axis * total) + at] = isPrompt ? sequence.Layout.Positions[(axis * sequence.PromptLength) + index] : sequence.Layout.PositionOf(index);
                }
            }
        }

        return new LanguageModelInput
        {
            Ids = _ids.AsMemory(0, total),
            Positions = _positions.AsMemory(0, total * 3),
            Layout = new AttentionLayout(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_spans)),
            Slots = _slots.AsMemory(0, total),
            Pictures = _runs,
        };
    }

    /// <summary>The pictures that tokens Computed .. Computed + count of a prompt stand for.</summary>
    private void AddPictures(Sequence sequence, int token, int count)
    {
        var (from, to) = (sequence.Computed, sequence.Computed + count);
        for (var p = 0; p < sequence.PictureKeys.Length; p++)
        {
            var place = sequence.Layout.Pictures[p];
            var (start, end) = (Math.Max(from, place.Start), Math.Min(to, place.Start + place.Count));
            if (start >= end) continue;
            var features = pictures.Get(sequence.PictureKeys[p], sequence.Request.Pictures[p], sequence.Request.Cancellation);
            _runs.Add(new PictureRun(token + start - from, features, start - place.Start, end - start));
        }
    }
}
