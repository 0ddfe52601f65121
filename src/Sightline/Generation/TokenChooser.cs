using System.Runtime.InteropServices;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Generation;

/// <summary>Chooses one token a row of scores, each by its own request, with the log-probabilities that a learner would compute.</summary>
internal sealed class TokenChooser(int vocabularySize, bool measuresEntropy)
{
    private readonly float[] _scores = new float[vocabularySize];
    private readonly ulong[] _mask = new ulong[(vocabularySize + 63) / 64];
    private long[] _ids = [];

    /// <summary>The chosen tokens.</summary>
    public List<int> Ids { get; } = [];

    /// <summary>Their log-probabilities.</summary>
    public List<float> LogProbabilities { get; } = [];

    /// <summary>Entropies of what they were chosen from, by each request's temperature; none unless they are to be measured.</summary>
    public float[] Entropies { get; private set; } = [];

    /// <summary>One token for each row of logits [R, V].</summary>
    public void Choose(Tensor logits, List<Sequence> sequences)
    {
        Ids.Clear();
        LogProbabilities.Clear();
        if (_ids.Length < sequences.Count) _ids = new long[sequences.Count * 2];
        for (var row = 0; row < sequences.Count; row++)
        {
            var scores = _scores.AsSpan();
            logits.Engine.Download(logits, MemoryMarshal.AsBytes(scores), (long)row * vocabularySize * sizeof(float));
            _ids[row] = Choose(scores, sequences[row]);
            if (_ids[row] < 0) throw new SightlineException(ErrorKind.RunStopped, "the model's scores are not numbers, so that no token can be chosen: check its weights (sightline inspect checkpoint)");
            Ids.Add((int)_ids[row]);
        }

        var ids = Tensor.From(_ids.AsSpan(0, sequences.Count), [sequences.Count], logits.Engine);
        LogProbabilities.AddRange(Op.LogSoftmaxGather(logits, ids).ToArray<float>());
        foreach (var value in LogProbabilities)
        {
            if (float.IsNaN(value)) throw new SightlineException(ErrorKind.RunStopped, "the model's scores are not numbers: check its weights (sightline inspect checkpoint)");
        }

        if (!measuresEntropy) return;
        float[] temperatures = [.. sequences.Select(sequence => sequence.Request.Sampling.Temperature)];
        Entropies = Op.SoftmaxEntropy(logits, Tensor.From(temperatures, [temperatures.Length], logits.Engine)).ToArray<float>();
    }

    private int Choose(Span<float> scores, Sequence sequence)
    {
        var request = sequence.Request;
        if (request.Constraint is not { } constraint) return Sampler.Choose(scores, request.Sampling, sequence.Ids, [], sequence.Random);
        constraint.Fill(_mask, sequence.Place, sequence.Limit - sequence.AnswerLength, request.StopTokens);
        return Sampler.Choose(scores, request.Sampling, sequence.Ids, _mask, sequence.Random);
    }
}
