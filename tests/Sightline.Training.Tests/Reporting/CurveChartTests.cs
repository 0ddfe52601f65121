using System.Globalization;
using System.Text.RegularExpressions;
using Sightline.Training.Reporting;

namespace Sightline.Training.Tests.Reporting;

public class CurveChartTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.123456, 0.1234568)]
    [InlineData(-123456.5, 98765.25)]
    public void Labels_have_room_at_the_left(double low, double high)
    {
        var svg = CurveChart.Draw("loss", [("loss", [(0, low), (1, high)])]);
        var labels = Regex.Matches(svg, "<text x=\"([0-9.]+)\" y=\"[0-9.]+\" text-anchor=\"end\">([^<s]+)</text>");
        Assert.Equal(5, labels.Count);
        // digits are at most 0.6 of the font's 11 pixels wide
        Assert.All(labels, label => Assert.True(double.Parse(label.Groups[1].Value, CultureInfo.InvariantCulture) >= label.Groups[2].Length * 6.6, label.Value));
    }
}
