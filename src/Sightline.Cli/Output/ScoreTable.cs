using System.Globalization;
using Sightline.Training.Evaluation;

namespace Sightline.Cli.Output;

/// <summary>Scores for people.</summary>
internal static class ScoreTable
{
    public static void Write(Terminal terminal, DetectionScore score, bool perClass)
    {
        var hasIntervals = score.Intervals.Count > 0;
        string[] columns = hasIntervals ? ["figure", ">value", $"{score.Intervals[0].Level * 100:0.#} % interval"] : ["figure", ">value"];
        terminal.Table(columns, score.Names.Select((name, i) => hasIntervals
            ? new[] { name, Number(score.Stats[i]), Range(score.Intervals[i]) }
            : [name, Number(score.Stats[i])]));
        if (perClass)
        {
            terminal.Table(
                ["class", ">boxes", ">detections", ">AP", ">AP50", ">AP75", ">AR", "interval of AP"],
                score.PerClass.Select(row => new[]
                {
                    row.Name, Count(row.Truths), Count(row.Detections), Number(row.Ap), Number(row.Ap50), Number(row.Ap75), Number(row.Ar),
                    row.ApInterval is { } interval ? Range(interval) : "",
                }));
        }

        terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{score.Metric}: {score.Images} pictures, {score.Truths} annotations, {score.Detections} detections"));
        foreach (var note in score.Notes) terminal.Line($"note: {note}");
    }

    /// <summary>Three decimals, as the field writes; a dash where there is nothing to find.</summary>
    public static string Number(double value) => value < 0 || double.IsNaN(value) ? "-" : value.ToString("0.000", CultureInfo.InvariantCulture);

    public static string Range(Interval interval) => interval.Low < 0 || double.IsNaN(interval.Low) ? "-" : $"{Number(interval.Low)} .. {Number(interval.High)}";

    private static string Count(long value) => value.ToString(CultureInfo.InvariantCulture);
}
