using System.Globalization;
using Sightline.Training.Evaluation;

namespace Sightline.Cli.Output;

/// <summary>The figures of one evaluation counted officially, as published, or both side by side; and the spread of several runs.</summary>
internal static class ProtocolTable
{
    public static void Write(
        Terminal terminal,
        EvaluationProtocol protocol,
        IReadOnlyList<(string Name, double Value, Interval? Interval)> official,
        IReadOnlyList<(string Name, double Value, Interval? Interval)> published)
    {
        var first = protocol == EvaluationProtocol.Published ? published : official;
        if (protocol != EvaluationProtocol.Both)
        {
            terminal.Table(["figure", ">value", "interval"], first.Select(figure => new[] { figure.Name, ScoreTable.Number(figure.Value), Range(figure.Interval) }));
            return;
        }

        terminal.Table(
            ["figure", ">official", "interval", ">as published", "interval"],
            first.Select((figure, i) => new[] { figure.Name, ScoreTable.Number(figure.Value), Range(figure.Interval), ScoreTable.Number(published[i].Value), Range(published[i].Interval) }));
    }

    public static void Write(Terminal terminal, RunSpread? spread)
    {
        if (spread is null) return;
        terminal.Line();
        terminal.Table(
            ["figure", ">mean", ">deviation", "runs"],
            spread.Names.Select((name, i) => new[] { name, ScoreTable.Number(spread.Mean(i)), ScoreTable.Number(spread.Deviation(i)), string.Join(" ", spread.Values.Select(run => ScoreTable.Number(run[i]))) }));
        terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{spread.Seeds.Count} runs with the seeds {spread.Seeds[0]} to {spread.Seeds[^1]}; intervals, tests and files are of the first"));
    }

    private static string Range(Interval? interval) => interval is { } range ? ScoreTable.Range(range) : "";
}
