using Sightline.Imaging;
using Sightline.Imaging.Drawing;

namespace Sightline.Tests.Imaging;

public class BarChartTests
{
    [Fact]
    public void Bars_are_as_high_as_their_values()
    {
        var picture = BarChart.Draw("title", ["a", "b"], ["one", "two"], [[new(0.2, 0.1, 0.3), new(0.4, 0.3, 0.5)], [new(0.8, 0.7, 0.9), new(0.4, 0.4, 0.4)]], ("line", 0.55));
        // columns that the line of an interval runs through are few
        var heights = Enumerable.Range(0, picture.Width).Select(x => Height(picture, x)).Where(height => height > 0).GroupBy(height => height).Where(group => group.Count() > 20).Select(group => group.Key).Order().ToArray();
        var least = heights[0];
        Assert.InRange(heights[^1] / (double)least, 3.9, 4.1); // 0.8 against 0.2
        Assert.Contains(heights, height => Math.Abs((height / (double)least) - 2) < 0.05);
        Assert.Throws<ArgumentException>(() => BarChart.Draw("title", ["a"], ["one"], [[new(0.2, 0.1, 0.3), new(0.4, 0.3, 0.5)]]));
    }

    /// <summary>From the foot of a column of pixels to its highest coloured one, below the legend.</summary>
    private static int Height(Picture picture, int x)
    {
        const int Foot = 420 - 56;
        var highest = Foot;
        for (var y = 60; y < Foot; y++)
        {
            var pixel = picture.Pixels.Slice(((y * picture.Width) + x) * 3, 3);
            if (Math.Max(pixel[0], Math.Max(pixel[1], pixel[2])) - Math.Min(pixel[0], Math.Min(pixel[1], pixel[2])) < 60) continue;
            highest = y;
            break;
        }

        return Foot - highest;
    }
}
