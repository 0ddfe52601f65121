using System.Globalization;
using System.Text.Json;
using Sightline.Training.Reinforcement;

namespace Sightline.Cli.Output;

/// <summary>Plan and preflight of a tuning run for people and for scripts.</summary>
internal static class TuningText
{
    /// <summary>What needs less memory.</summary>
    public const string Advice = "fewer prompts, shorter answers, recompute, smaller pictures or int8 weights need less";

    /// <summary>A table of the plan.</summary>
    public static void Write(Terminal terminal, TuningPlan plan)
    {
        terminal.Table(
            [">stage", "kind", ">steps", ">answers a pass", ">memory", ">sampling a step", ">learning a step", ">time at most"],
            plan.Stages.Select((stage, i) => new[]
            {
                Text(i + 1), stage.Kind.ToString(), Text(stage.Steps), stage.IsBatchChosen ? $"{Text(stage.Batch)} (chosen)" : Text(stage.Batch), TrainingPlanText.Bytes(stage.PeakBytes),
                Seconds(stage.SecondsSampling), Seconds(stage.SecondsLearning), TrainingPlanText.Duration(TimeSpan.FromSeconds(stage.SecondsPerStep * stage.Steps)),
            }));
        terminal.Line(Summary(plan));
        if (TrainingPlanText.Shortage(plan.PeakBytes, plan.AvailableBytes, Advice) is { } shortage) terminal.Line(shortage);
    }

    /// <summary>A few lines beside the results.</summary>
    public static void Hint(Terminal terminal, TuningPlan plan)
    {
        for (var i = 0; i < plan.Stages.Count; i++)
        {
            var stage = plan.Stages[i];
            terminal.Hint(string.Create(
                CultureInfo.InvariantCulture,
                $"plan: stage {i + 1} ({stage.Kind}), {stage.Steps} steps, {stage.Batch} answers a pass{(stage.IsBatchChosen ? " (chosen: the most that fit)" : "")}, {TrainingPlanText.Bytes(stage.PeakBytes)}, a step at most {Seconds(stage.SecondsSampling)} of sampling and {Seconds(stage.SecondsLearning)} of learning"));
        }

        terminal.Hint($"plan: {Summary(plan)}");
        if (plan.Fits && TrainingPlanText.Shortage(plan.PeakBytes, plan.AvailableBytes, Advice) is { } shortage) terminal.Hint($"warning: {shortage}");
    }

    /// <summary>One object.</summary>
    public static void WriteJson(Utf8JsonWriter json, TuningPlan plan)
    {
        json.WriteStartObject();
        json.WriteNumber("weight_bytes", plan.WeightBytes);
        json.WriteNumber("trained_bytes", plan.TrainedBytes);
        json.WriteNumber("available_bytes", plan.AvailableBytes);
        json.WriteBoolean("fits", plan.Fits);
        json.WriteNumber("seconds", Math.Round(plan.Duration.TotalSeconds, 3));
        json.WriteStartArray("stages");
        foreach (var stage in plan.Stages)
        {
            json.WriteStartObject();
            json.WriteString("kind", stage.Kind.ToString());
            json.WriteNumber("steps", stage.Steps);
            json.WriteNumber("batch", stage.Batch);
            json.WriteBoolean("batch_chosen", stage.IsBatchChosen);
            json.WriteNumber("bytes_per_answer", stage.BytesPerAnswer);
            json.WriteNumber("cache_bytes", stage.CacheBytes);
            json.WriteNumber("peak_bytes", stage.PeakBytes);
            json.WriteNumber("seconds_sampling", Math.Round(stage.SecondsSampling, 6));
            json.WriteNumber("seconds_learning", Math.Round(stage.SecondsLearning, 6));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>What a preflight found.</summary>
    public static void Write(Terminal terminal, PreflightReport report)
    {
        terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{report.Answers} answers to {report.Problems} problems, {report.Tokens:0.0} tokens each, {Share(report.Cut)} cut off; {Share(report.Parsed)} could be read, {Share(report.Matched)} of the true boxes were found"));
        if (report.IouHistogram.Count > 0)
            terminal.Table([.. report.IouHistogram.Select((_, bin) => string.Create(CultureInfo.InvariantCulture, $">IoU {bin / 10.0:0.0}"))], [report.IouHistogram.Select(Text).ToArray()]);
        terminal.Table(["reward", ">mean", ">deviation", ">zeros"], report.Rewards.Select(reward => new[] { reward.Name, Number(reward.Mean), Number(reward.Deviation), Share(reward.Zeros) }));
        terminal.Line($"groups without spread: {report.IdleGroups} of {report.Problems}");
        terminal.Line($"one answer: {report.Example.ReplaceLineEndings(" ")}");
        foreach (var finding in report.Findings) terminal.Line($"- {finding}");
    }

    /// <summary>One object.</summary>
    public static void WriteJson(Utf8JsonWriter json, PreflightReport report)
    {
        json.WriteStartObject();
        json.WriteNumber("problems", report.Problems);
        json.WriteNumber("answers", report.Answers);
        foreach (var (name, value) in new[] { ("tokens", report.Tokens), ("cut", report.Cut), ("parsed", report.Parsed), ("wrong_frame", report.WrongFrame), ("matched", report.Matched) }) WriteNumber(json, name, value);
        json.WriteStartArray("iou_histogram");
        foreach (var count in report.IouHistogram) json.WriteNumberValue(count);
        json.WriteEndArray();
        json.WriteStartArray("rewards");
        foreach (var (name, mean, deviation, zeros) in report.Rewards)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            WriteNumber(json, "mean", mean);
            WriteNumber(json, "deviation", deviation);
            WriteNumber(json, "zeros", zeros);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("idle_groups", report.IdleGroups);
        json.WriteStartArray("findings");
        foreach (var finding in report.Findings) json.WriteStringValue(finding);
        json.WriteEndArray();
        json.WriteString("example", report.Example);
        json.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, Math.Round(value, 6));
        else json.WriteNull(name);
    }

    private static string Summary(TuningPlan plan) =>
        $"at most {TrainingPlanText.Duration(plan.Duration)}, if every answer is as long as it may be; at most {TrainingPlanText.Bytes(plan.PeakBytes)} of {TrainingPlanText.Bytes(plan.AvailableBytes)}, {TrainingPlanText.Bytes(plan.WeightBytes)} of it for weights, {TrainingPlanText.Bytes(plan.TrainedBytes)} to train them";

    private static string Seconds(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:0.##} s");

    private static string Share(double value) => double.IsNaN(value) ? "-" : string.Create(CultureInfo.InvariantCulture, $"{value * 100:0} %");

    private static string Number(double value) => double.IsNaN(value) ? "-" : value.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
