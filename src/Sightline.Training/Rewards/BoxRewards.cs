using Sightline.Geometry;
using Sightline.Text.Answers;
using BoxIou = Sightline.Geometry.Iou;

namespace Sightline.Training.Rewards;

/// <summary>
/// Rewards on boxes, 0..1. All pair boxes one to one at the greatest sum and divide by the longer list, so that doubles, floods and left-out
/// objects cost; where the solution names classes, only boxes of the same name pair.
/// </summary>
internal static class BoxRewards
{
    // From here on a box counts as found, as everywhere in the field.
    private const double FoundIou = 0.5;

    public static double Iou(RewardCase one) => Mean(one, (a, b) => BoxIou.Of(a, b));

    public static double Giou(RewardCase one) => Mean(one, (a, b) => (BoxIou.Generalized(a, b) + 1) / 2);

    /// <summary>1 at the same centre, 0 from one diagonal of the true box on, times the ratios of the widths and of the heights: an equal area alone earns little.</summary>
    public static double Center(RewardCase one) => Mean(one, (a, b) =>
    {
        var distance = double.Hypot(a.CenterX - b.CenterX, a.CenterY - b.CenterY) / double.Hypot(b.Width, b.Height);
        return Math.Max(0, 1 - distance) * Ratio(a.Width, b.Width) * Ratio(a.Height, b.Height);
    });

    /// <summary>
    /// 1 - (1 - c)² for a found box, -c² for another one, over the longer list and not below 0: the best confidence is the probability of being
    /// right, and a wrong box never earns anything. Without a confidence, or with one outside 0..1, a box counts as said with certainty and wrong.
    /// </summary>
    public static double Confidence(RewardCase one)
    {
        var (answer, truth) = SpokenAnswer.Boxes(one);
        if (answer is null) return 0;
        var found = Pair(answer, truth, (a, b) => BoxIou.Of(a, b)).Where(pair => pair.Score >= FoundIou).Select(pair => pair.Answer).ToHashSet();
        var sum = 0.0;
        for (var i = 0; i < answer.Count; i++)
        {
            var isSaid = answer[i].Confidence is >= 0 and <= 1;
            var confidence = isSaid ? answer[i].Confidence!.Value : 1;
            sum += isSaid && found.Contains(i) ? 1 - ((1 - confidence) * (1 - confidence)) : -confidence * confidence;
        }

        return SpokenAnswer.OverLonger(sum, answer.Count, truth.Count);
    }

    /// <summary>1 minus the difference over the larger number.</summary>
    public static double Count(RewardCase one)
    {
        var (answer, truth) = SpokenAnswer.Boxes(one);
        return answer is null ? 0 : SpokenAnswer.OverLonger(Math.Min(answer.Count, truth.Count), answer.Count, truth.Count);
    }

    private static double Ratio(double a, double b) => Math.Min(a, b) / Math.Max(a, b);

    private static double Mean(RewardCase one, Func<Box, Box, double> score)
    {
        var (answer, truth) = SpokenAnswer.Boxes(one);
        return answer is null ? 0 : SpokenAnswer.OverLonger(Pair(answer, truth, score).Sum(pair => pair.Score), answer.Count, truth.Count);
    }

    private static List<(int Answer, int Truth, double Score)> Pair(IReadOnlyList<AnsweredBox> answer, IReadOnlyList<AnsweredBox> truth, Func<Box, Box, double> score)
    {
        // asked about one class, a model need not repeat its name
        var classes = truth.Select(found => found.Label).Distinct().Count();
        return SpokenAnswer.Pair(answer.Count, truth.Count, (i, j) => IsSameClass(answer[i].Label, truth[j].Label, classes) ? Math.Max(0, score(answer[i].Box, truth[j].Box)) : 0);
    }

    private static bool IsSameClass(string? answer, string? truth, int classes) => truth is null || (answer is null ? classes == 1 : SpokenAnswer.IsSame(answer, truth));
}
