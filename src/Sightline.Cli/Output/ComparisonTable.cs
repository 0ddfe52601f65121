using System.Globalization;
using Sightline.Training.Evaluation;

namespace Sightline.Cli.Output;

/// <summary>The paired test between this run and another, for people.</summary>
internal static class ComparisonTable
{
    public static void Write(Terminal terminal, IReadOnlyList<PairedComparison> comparisons, string other)
    {
        terminal.Line();
        terminal.Table(
            ["figure", ">this run", ">other", ">difference", string.Create(CultureInfo.InvariantCulture, $"{comparisons[0].Interval.Level * 100:0.#} % interval"), ">p"],
            comparisons.Select(comparison => comparison.A < 0 || comparison.B < 0
                ? new[] { comparison.Name, ScoreTable.Number(comparison.A), ScoreTable.Number(comparison.B), "-", "-", "-" }
                : [comparison.Name, ScoreTable.Number(comparison.A), ScoreTable.Number(comparison.B), Signed(comparison.Difference), $"{Signed(comparison.Interval.Low)} .. {Signed(comparison.Interval.High)}", Chance(comparison.PValue)]));
        terminal.Line($"other: {other}; the interval draws the pictures again, p is the chance of such a difference if the runs were equally good");
    }

    private static string Signed(double value) => value.ToString("+0.000;-0.000;0.000", CultureInfo.InvariantCulture);

    private static string Chance(double value) => value.ToString(value < 0.01 ? "0.0000" : "0.000", CultureInfo.InvariantCulture);
}
