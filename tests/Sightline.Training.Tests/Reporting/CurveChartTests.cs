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
    [InlineData(2.5e-7, 3.1e-7)]
    [InlineData(-4e12, 5e12)]
    public void Labels_have_room_at_the_left(double low, double high)
    {
        var svg = CurveChart.Draw("loss", [("loss", [(0, low), (1, high)])]);
        var labels = Regex.Matches(svg, "<text x=\"([0-9.]+)\" y=\"[0-9.]+\" text-anchor=\"end\">([^<s]+)</text>");
        Assert.InRange(labels.Count, 3, 8);
        Assert.Equal(labels.Count, labels.Select(label => label.Groups[2].Value).Distinct().Count());
        // digits are at most 0.6 of the font's 11 pixels wide
        Assert.All(labels, label => Assert.True(double.Parse(label.Groups[1].Value, CultureInfo.InvariantCulture) >= label.Groups[2].Length * 6.6, label.Value));
    }

    [Theory]
    [InlineData(3e-5, "0 2e\u22125 4e\u22125 6e\u22125")]
    [InlineData(0, "\u22121.0 \u22120.5 0 0.5 1.0")]
    [InlineData(-12, "\u221225 \u221220 \u221215 \u221210 \u22125 0")]
    public void One_and_the_same_value_has_an_axis_of_its_size(double value, string expected)
    {
        var axis = ValueAxis.Of(value, value);
        Assert.Equal(expected, string.Join(' ', axis.Labels));
        Assert.InRange(value, axis.Low, axis.High);
        var heights = Regex.Matches(CurveChart.Draw("rate", [("rate", [(1, value), (2, value)])]), "(?<=[0-9],)[0-9.]+(?= )").Select(match => double.Parse(match.Value, CultureInfo.InvariantCulture));
        Assert.All(heights, height => Assert.InRange(height, 40, 150)); // neither at the top nor at the bottom of 200
    }

    [Fact]
    public void A_single_point_is_a_dot_over_its_own_step()
    {
        var svg = CurveChart.Draw("validation reward", [("val", [(6, 0.25)])], "points");
        Assert.Contains("<circle class=\"c0\"", svg, StringComparison.Ordinal);
        Assert.Contains(">step 6</text>", svg, StringComparison.Ordinal);
        Assert.DoesNotContain("step 7", svg, StringComparison.Ordinal);
        Assert.DoesNotContain("<polyline", svg, StringComparison.Ordinal);
        Assert.Contains("validation reward <small>points</small>", svg, StringComparison.Ordinal);
    }
}
