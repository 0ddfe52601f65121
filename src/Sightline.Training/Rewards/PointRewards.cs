using Sightline.Geometry;

namespace Sightline.Training.Rewards;

/// <summary>Rewards on points, 0..1: the solution has boxes, and each point may earn one of them.</summary>
internal static class PointRewards
{
    public static double InBox(RewardCase one) => Mean(one, (x, y, box) => x >= box.X1 && x <= box.X2 && y >= box.Y1 && y <= box.Y2 ? 1 : 0);

    /// <summary>exp(-½ d²), d in half sides of the box: 1 in the middle, 0.61 at an edge, 0.37 in a corner.</summary>
    public static double Gaussian(RewardCase one) => Mean(one, (x, y, box) =>
    {
        var (dx, dy) = ((x - box.CenterX) / (box.Width / 2), (y - box.CenterY) / (box.Height / 2));
        return Math.Exp(-0.5 * ((dx * dx) + (dy * dy)));
    });

    private static double Mean(RewardCase one, Func<double, double, Box, double> score)
    {
        var (answer, truth) = SpokenAnswer.Points(one);
        if (answer is null) return 0;
        return SpokenAnswer.OverLonger(SpokenAnswer.Pair(answer.Count, truth.Count, (i, j) => score(answer[i].X, answer[i].Y, truth[j].Box)).Sum(pair => pair.Score), answer.Count, truth.Count);
    }
}
