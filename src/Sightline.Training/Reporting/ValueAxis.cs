using System.Globalization;

namespace Sightline.Training.Reporting;

/// <summary>The lines of a value axis: multiples of 1, 2 or 5 times a power of ten around what is drawn, with labels of one form.</summary>
internal sealed class ValueAxis
{
    private const int Steps = 5; // at least so many fit between the extremes, or fewer by the next round step
    private const double LeastPlain = 1e-3; // smaller figures are written with an exponent, as are larger ones than this
    private const double MostPlain = 1e7;
    private const double Slack = 1e-6; // of a step: what rounding may put beyond a line

    private ValueAxis(double step, double from, double to)
    {
        var largest = Math.Max(Math.Abs(from), Math.Abs(to)) * step;
        var exponent = largest < LeastPlain || largest >= MostPlain ? (int)Math.Floor(Math.Log10(largest) + Slack) : 0;
        var form = "0" + (Digits(step, exponent) is > 0 and var digits ? "." + new string('0', digits) : "");
        var scale = Math.Pow(10, exponent);
        for (var i = from; i <= to; i++)
        {
            var value = i * step;
            Values.Add(value);
            var text = (value / scale).ToString(form, CultureInfo.InvariantCulture) + (exponent == 0 || i == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"e{exponent}"));
            Labels.Add(i == 0 ? "0" : text.Replace("-", "\u2212", StringComparison.Ordinal));
        }
    }

    /// <summary>The lowest line.</summary>
    public double Low => Values[0];

    /// <summary>The highest line.</summary>
    public double High => Values[^1];

    /// <summary>The lines, upwards.</summary>
    public List<double> Values { get; } = [];

    /// <summary>What stands beside each.</summary>
    public List<string> Labels { get; } = [];

    /// <summary>An axis for finite values from <paramref name="low"/> to <paramref name="high"/>. One and the same value stands in the middle, with zero at an end.</summary>
    public static ValueAxis Of(double low, double high)
    {
        if (high - low <= 1e-9 * Math.Max(Math.Abs(low), Math.Abs(high))) (low, high) = low == 0 ? (-1, 1) : (Math.Min(0, 2 * low), Math.Max(0, 2 * low));
        var raw = (high - low) / Steps;
        var power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = power * (raw / power) switch { <= 1 + Slack => 1, <= 2 + Slack => 2, <= 5 + Slack => 5, _ => 10 };
        return new ValueAxis(step, Math.Floor((low / step) + Slack), Math.Ceiling((high / step) - Slack));
    }

    /// <summary>Places after the point that tell the lines apart.</summary>
    private static int Digits(double step, int exponent) => Math.Clamp(exponent - (int)Math.Floor(Math.Log10(step) + Slack), 0, 15);
}
