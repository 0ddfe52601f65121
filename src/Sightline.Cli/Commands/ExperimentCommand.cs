using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Sightline.Cli.Output;
using Sightline.Imaging.Drawing;
using Sightline.Training.Evaluation;
using Sightline.Training.Experiments;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline experiment</c>: supervised tuning against reinforcement on the same few problems.</summary>
internal sealed class ExperimentCommand : ToolCommand
{
    private readonly Argument<string> _recipe = new("RECIPE") { Description = "Recipe file (JSON)" };
    private readonly Option<bool> _quick = new("--quick") { Description = "Fewer and shorter runs, as the recipe says" };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "Folder for runs, figures and chart; default: runs/NAME, with --quick runs/NAME-quick", HelpName = "FOLDER" };
    private readonly Option<string[]> _set = new("--set") { Description = "Another value for a key of the recipe; may be repeated", HelpName = "KEY=VALUE" };
    private readonly Option<string?> _json = JsonOption("all figures");

    public ExperimentCommand()
        : base(
            "experiment",
            "Compare reinforcement with supervised tuning on a few problems, over several seeds; the same command goes on where it was stopped",
            "sightline experiment recipes/demonstration/few-shot.json --quick",
            "sightline experiment recipes/demonstration/few-shot.json --set seeds=3 --output runs/three")
    {
        Add(_recipe);
        Add(_quick);
        Add(_output);
        Add(_set);
        RequireJsonFile(_json);
        Add(_json);
        SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Settings(parsed.GetRequiredValue(_recipe), parsed.GetValue(_quick), parsed.GetValue(_output), parsed.GetValue(_set) ?? [], JsonTarget(parsed, _json)), cancellation)));
    }

    private sealed record Settings(string Recipe, bool IsQuick, string? Output, string[] Set, string? Json);

    private int Run(Settings settings, CancellationToken cancellation)
    {
        var recipe = FewShotRecipe.Read(settings.Recipe, settings.IsQuick, settings.Set);
        RewardAssemblies.Load(recipe.Reinforcement, recipe.Supervised);
        using var folder = FewShotFolder.Open(settings.Output ?? Path.Combine("runs", settings.IsQuick ? $"{recipe.Name}-quick" : recipe.Name), recipe);
        var watch = Stopwatch.StartNew();
        var (kept, all) = (folder.Kept, recipe.Shots.Count * recipe.Seeds * 2);
        if (kept > 0) Terminal.Hint($"going on in {folder.Path}: {kept} of {all} runs are there");
        var done = kept;
        FewShotResult result;
        try
        {
            result = new FewShotExperiment(recipe).Run(run => Terminal.Hint(Line(run, ++done, all, watch.Elapsed)), cancellation, folder);
        }
        catch (OperationCanceledException)
        {
            Terminal.Hint($"stopped; {done} of {all} runs are kept in {folder.Path}. The same command goes on from there: {Terminal.CommandLine}");
            return ExitCode.Interrupted;
        }

        var seconds = watch.Elapsed.TotalSeconds;
        var provenance = Provenance.Of(Terminal, recipe.Seed);
        var (figures, chart) = (Path.Combine(folder.Path, "result.json"), Path.Combine(folder.Path, "chart.png"));
        AtomicFile.Write(figures, stream =>
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            Write(json, result, provenance, seconds);
        });
        Chart(result).Save(chart);
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => Write(json, result, provenance, seconds));
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        WriteTable(result);
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{figures}, {chart}; {seconds / 60:0.0} minutes{(kept > 0 ? $", {kept} runs kept from before" : "")}"));
        return ExitCode.Success;
    }

    private static string Line(FewShotRun run, int done, int all, TimeSpan elapsed) => string.Create(
        CultureInfo.InvariantCulture,
        $"{done} of {all}: {run.Shots} shots, seed {run.Seed}, {run.Kind}: {run.Curve[0].Mean:0.000} to {run.Mean:0.000} in {run.Seconds:0} s of processor time{(run.Rewards.Count > 0 ? string.Create(CultureInfo.InvariantCulture, $"; reward of samples {run.Rewards.Take(5).Average():0.000} to {run.Rewards.TakeLast(5).Average():0.000}") : "")}; {elapsed.TotalMinutes:0.0} minutes");

    private void WriteTable(FewShotResult result)
    {
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"mean {result.Recipe.Reinforcement.Rewards[0].Name} on {result.Base.Count} test problems, {result.Recipe.Seeds} seeds; before tuning {result.Base.Average():0.000}"));
        Terminal.Table(
            [">shots", ">reinforcement", ">supervised", ">difference"],
            result.Rows.Select(row => new[] { Count(row), Text(row.Reinforced), Text(row.Supervised), Text(row.Difference, signed: true) }));
        Terminal.Table(
            [">shots", ">best moments", ">processor seconds", ">reward of samples"],
            result.Rows.Select(row => new[]
            {
                Count(row), FormattableString.Invariant($"{row.ReinforcedBest:0.000} / {row.SupervisedBest:0.000}"), FormattableString.Invariant($"{row.ReinforcedSeconds:0.0} / {row.SupervisedSeconds:0.0}"),
                FormattableString.Invariant($"{row.RewardBefore:0.000} to {row.RewardAfter:0.000}"),
            }));
        Terminal.Line("intervals at 95 %, seeds and test problems drawn again; pairs are reinforcement / supervised; rewards of samples are those of the first and the last tenth of the steps");
    }

    private static string Count(FewShotRow row) => row.Shots.ToString(CultureInfo.InvariantCulture);

    private static string Text(FewShotFigure figure, bool signed = false)
    {
        var format = signed ? "+0.000;-0.000" : "0.000";
        return $"{figure.Mean.ToString(format, CultureInfo.InvariantCulture)} [{figure.Interval.Low.ToString(format, CultureInfo.InvariantCulture)}, {figure.Interval.High.ToString(format, CultureInfo.InvariantCulture)}]";
    }

    private static Imaging.Picture Chart(FewShotResult result) => BarChart.Draw(
        $"{result.Recipe.Name}: mean reward on {result.Base.Count} test problems",
        [.. result.Recipe.Shots.Select(shots => string.Create(CultureInfo.InvariantCulture, $"{shots} shots"))],
        ["reinforcement", "supervised"],
        [.. result.Rows.Select(row => new[] { Bar(row.Reinforced), Bar(row.Supervised) })],
        ("before tuning", result.Base.Average()));

    private static ChartBar Bar(FewShotFigure figure) => new(figure.Mean, figure.Interval.Low, figure.Interval.High);

    private static void Write(Utf8JsonWriter json, FewShotResult result, ScoreProvenance provenance, double seconds)
    {
        json.WriteStartObject();
        json.WriteString("name", result.Recipe.Name);
        json.WriteString("reward", result.Recipe.Reinforcement.Rewards[0].Name);
        json.WriteNumber("test_problems", result.Base.Count);
        json.WriteNumber("before", result.Base.Average());
        json.WriteStartArray("rows");
        foreach (var row in result.Rows)
        {
            json.WriteStartObject();
            json.WriteNumber("shots", row.Shots);
            foreach (var (name, figure) in new[] { ("reinforcement", row.Reinforced), ("supervised", row.Supervised), ("difference", row.Difference), ("gain", row.Gain) })
            {
                json.WriteStartObject(name);
                json.WriteNumber("mean", figure.Mean);
                json.WriteNumber("low", figure.Interval.Low);
                json.WriteNumber("high", figure.Interval.High);
                json.WriteEndObject();
            }

            json.WriteNumber("reinforcement_best", row.ReinforcedBest);
            json.WriteNumber("supervised_best", row.SupervisedBest);
            json.WriteNumber("reinforcement_seconds", row.ReinforcedSeconds);
            json.WriteNumber("supervised_seconds", row.SupervisedSeconds);
            json.WriteNumber("reward_before", row.RewardBefore);
            json.WriteNumber("reward_after", row.RewardAfter);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("runs");
        foreach (var run in result.Runs) Write(json, run);
        json.WriteEndArray();
        json.WriteNumber("seconds", seconds);
        json.WriteString("command", provenance.Command);
        json.WriteString("commit", provenance.Commit);
        json.WriteString("machine", provenance.Machine);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, FewShotRun run)
    {
        json.WriteStartObject();
        json.WriteString("kind", run.Kind);
        json.WriteNumber("shots", run.Shots);
        json.WriteNumber("seed", run.Seed);
        json.WriteNumber("mean", run.Mean);
        json.WriteNumber("elapsed", run.Elapsed);
        run.WriteCurve(json);
        json.WriteStartArray("rewards");
        foreach (var reward in run.Rewards) json.WriteNumberValue(Math.Round(reward, 4));
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
