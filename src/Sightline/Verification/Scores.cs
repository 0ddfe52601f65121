namespace Sightline.Verification;

/// <summary>What is read off the scores of a next token.</summary>
internal static class Scores
{
    public static double LogSumExp(ReadOnlySpan<double> scores)
    {
        var largest = double.NegativeInfinity;
        foreach (var score in scores) largest = Math.Max(largest, score);
        double sum = 0;
        foreach (var score in scores) sum += Math.Exp(score - largest);
        return largest + Math.Log(sum);
    }

    /// <summary>The first of the highest scores.</summary>
    public static int Best(ReadOnlySpan<double> scores)
    {
        var best = 0;
        for (var i = 1; i < scores.Length; i++)
        {
            if (scores[i] > scores[best]) best = i;
        }

        return best;
    }
}
