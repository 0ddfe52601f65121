using System.Runtime.InteropServices;
using Sightline.Training.Distributed;

namespace Sightline.Training.Reinforcement;

/// <summary>What the figures of a step need to know of an answer, wherever it was sampled.</summary>
/// <param name="Reward">The weighted sum.</param>
/// <param name="Scores">What each rule gave; NaN where it had no opinion.</param>
/// <param name="Tokens">How many.</param>
/// <param name="IsCut">Whether the limit ended it.</param>
/// <param name="Entropy">The sum over its tokens of the entropy of what they were drawn from, in nats.</param>
internal sealed record AnswerFigures(double Reward, double[] Scores, int Tokens, bool IsCut, double Entropy)
{
    /// <summary>Those of all ranks, from rank 0 on.</summary>
    public static IReadOnlyList<AnswerFigures> Gather(Communicator ranks, IEnumerable<Rollout> own)
    {
        AnswerFigures[] here = [.. own.Select(answer => new AnswerFigures(answer.Reward, answer.Scores, answer.Ids.Length, answer.IsCut, answer.Entropy))];
        if (ranks.Size == 1) return here;
        var rules = here[0].Scores.Length;
        double[] numbers = [.. here.SelectMany(one => (double[])[one.Reward, one.Tokens, one.IsCut ? 1 : 0, one.Entropy, .. one.Scores])];
        return [.. ranks.Gather(MemoryMarshal.AsBytes<double>(numbers)).SelectMany(part => MemoryMarshal.Cast<byte, double>(part).ToArray().Chunk(4 + rules))
            .Select(one => new AnswerFigures(one[0], one[4..], (int)one[1], one[2] > 0, one[3]))];
    }
}
