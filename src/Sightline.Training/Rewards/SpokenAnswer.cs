using Sightline.Geometry;
using Sightline.Text.Answers;

namespace Sightline.Training.Rewards;

/// <summary>
/// A completion and its solution, read by the parser that serving uses. What <c>sightline/*</c> share: an answer that is malformed or in another
/// frame is worth nothing; one that was cut off is worth what it holds, and nothing where it holds nothing yet; boxes are held to the picture.
/// </summary>
internal static class SpokenAnswer
{
    /// <summary>Boxes of both; null in place of an answer that is worth nothing.</summary>
    /// <exception cref="RewardException">The solution itself cannot be read.</exception>
    public static (IReadOnlyList<AnsweredBox>? Answer, IReadOnlyList<AnsweredBox> Truth) Boxes(RewardCase one) => (Read(one, AnswerKind.Boxes)?.Boxes, Truth(one));

    /// <summary>Points of the answer, boxes of the solution.</summary>
    /// <exception cref="RewardException">The solution itself cannot be read.</exception>
    public static (IReadOnlyList<AnsweredPoint>? Answer, IReadOnlyList<AnsweredBox> Truth) Points(RewardCase one) => (Read(one, AnswerKind.Points)?.Points, Truth(one));

    /// <summary>
    /// The pairs that give the greatest sum of scores, each item at most once; pairs of score 0 are left out.
    /// </summary>
    public static List<(int Answer, int Truth, double Score)> Pair(int answers, int truths, Func<int, int, double> score)
    {
        var scores = new double[answers, truths];
        var costs = new double[answers, truths];
        for (var i = 0; i < answers; i++)
        {
            for (var j = 0; j < truths; j++) costs[i, j] = -(scores[i, j] = score(i, j));
        }

        if (answers == 0 || truths == 0) return [];
        var (rows, columns) = AssignmentSolver.Solve(costs);
        return [.. rows.Zip(columns, (i, j) => (i, j, scores[i, j])).Where(pair => pair.Item3 > 0)];
    }

    /// <summary>The sum over the longer list; 1 where both are empty.</summary>
    public static double OverLonger(double sum, int answers, int truths) => answers == 0 && truths == 0 ? 1 : Math.Clamp(sum / Math.Max(answers, truths), 0, 1);

    /// <summary>Whether a name is the other, apart from case, spaces, hyphens and underscores.</summary>
    public static bool IsSame(string a, string b) => string.Equals(Plain(a), Plain(b), StringComparison.Ordinal);

    private static GroundedAnswer? Read(RewardCase one, AnswerKind kind)
    {
        var answer = AnswerParser.Parse(one.Completion, kind, one.Frame, one.IsCut);
        // never to come to an answer is not to say that nothing is there
        var isOpen = answer.Status == AnswerStatus.Truncated && (kind == AnswerKind.Points ? answer.Points.Count : answer.Boxes.Count) == 0;
        return isOpen || answer.Status is AnswerStatus.Malformed or AnswerStatus.WrongFrame ? null : answer with { Boxes = [.. answer.Boxes.Select(Clip)] };
    }

    private static AnsweredBox[] Truth(RewardCase one)
    {
        AnsweredBox[] boxes = [.. (one.Boxes ?? Solution(one)).Select(Clip)];
        return boxes.Any(found => found.Box.IsEmpty) ? throw new RewardException("BadSolution", "a box of the solution lies outside the picture") : boxes;
    }

    private static IReadOnlyList<AnsweredBox> Solution(RewardCase one)
    {
        var truth = AnswerParser.Parse(one.Solution, AnswerKind.Boxes, one.Frame);
        return truth.Status is AnswerStatus.Complete or AnswerStatus.NothingThere ? truth.Boxes : throw new RewardException("BadSolution", $"the solution cannot be read: {truth.Problem}");
    }

    private static AnsweredBox Clip(AnsweredBox found) => found with { Box = found.Box.Clip() };

    private static string Plain(string name) => string.Concat(name.Where(c => !char.IsWhiteSpace(c) && c is not ('-' or '_'))).ToLowerInvariant();
}
