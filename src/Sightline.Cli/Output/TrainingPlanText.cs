using System.Globalization;
using System.Text.Json;
using Sightline.Training.Grounding;

namespace Sightline.Cli.Output;

/// <summary>A training plan for people and for scripts.</summary>
internal static class TrainingPlanText
{
    /// <summary>What needs less memory.</summary>
    public const string Advice = "--batch auto chooses a batch that does";

    /// <summary>A table of results.</summary>
    public static void Write(Terminal terminal, TrainingPlan plan)
    {
        terminal.Table(
            [">stage", "kind", ">steps", ">batch", ">memory", ">pictures/s", ">time"],
            plan.Stages.Select((stage, i) => new[]
            {
                Text(i + 1), stage.Kind.ToString(), Text(stage.Steps), stage.IsBatchChosen ? $"{Text(stage.Batch)} (chosen)" : Text(stage.Batch), Bytes(stage.PeakBytes),
                (1 / stage.SecondsPerPicture).ToString("0.0", CultureInfo.InvariantCulture), Duration(stage.Duration),
            }));
        terminal.Line(Summary(plan));
        if (Shortage(plan.PeakBytes, plan.AvailableBytes, Advice) is { } shortage) terminal.Line(shortage);
    }

    /// <summary>A few lines beside the results.</summary>
    public static void Hint(Terminal terminal, TrainingPlan plan)
    {
        for (var i = 0; i < plan.Stages.Count; i++)
        {
            var stage = plan.Stages[i];
            terminal.Hint(string.Create(
                CultureInfo.InvariantCulture,
                $"plan: stage {i + 1} ({stage.Kind}), {stage.Steps} steps of {stage.Batch} pictures a batch{(stage.IsBatchChosen ? $" (chosen: the largest that fits, up to {TrainingPlan.LargestAutomaticBatch})" : "")}, {Bytes(stage.PeakBytes)}, about {Duration(stage.Duration)}"));
        }

        terminal.Hint($"plan: {Summary(plan)}");
        if (plan.Fits && Shortage(plan.PeakBytes, plan.AvailableBytes, Advice) is { } shortage) terminal.Hint($"warning: {shortage}");
    }

    /// <summary>One object.</summary>
    public static void WriteJson(Utf8JsonWriter json, TrainingPlan plan)
    {
        json.WriteStartObject();
        json.WriteNumber("parameter_bytes", plan.ParameterBytes);
        json.WriteNumber("picture_bytes", plan.PictureBytes);
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
            json.WriteNumber("bytes_per_picture", stage.BytesPerPicture);
            json.WriteNumber("peak_bytes", stage.PeakBytes);
            json.WriteNumber("seconds_per_picture", Math.Round(stage.SecondsPerPicture, 6));
            json.WriteNumber("seconds", Math.Round(stage.Duration.TotalSeconds, 3));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>3 s, 4 min, 2 h 05 min.</summary>
    public static string Duration(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds switch
    {
        < 90 => $"{time.TotalSeconds:0} s",
        < 5400 => $"{time.TotalMinutes:0} min",
        _ => $"{(int)time.TotalHours} h {time.Minutes:00} min",
    }}");

    private static string Summary(TrainingPlan plan) =>
        $"about {Duration(plan.Duration)} without validation; at most {Bytes(plan.PeakBytes)} of {Bytes(plan.AvailableBytes)}, {Bytes(plan.ParameterBytes)} of it for weights and optimizer, {Bytes(plan.PictureBytes)} for pictures";

    /// <summary>Refuses what is known not to fit; <paramref name="advice"/> says what needs less.</summary>
    /// <exception cref="SightlineException">OutOfMemory with both sizes.</exception>
    public static void RequireRoom(long needed, long available, string advice)
    {
        if (needed > available) throw new SightlineException(ErrorKind.OutOfMemory, $"by its plan the run needs {Bytes(needed)} of memory and there are {Bytes(available)}: {advice}; --despite-memory starts it all the same");
    }

    /// <summary>What to say of a run that will not, or may not, fit into memory; null where there is room.</summary>
    public static string? Shortage(long peak, long available, string advice) =>
        peak > available ? $"this does not fit into memory; {advice}"
        : peak > available * TrainingPlan.UsableShare ? $"this may not fit into memory; {advice}"
        : null;

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>In MiB, or GiB from one on.</summary>
    public static string Bytes(long bytes) => bytes < 1 << 30
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):0} MiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):0.0} GiB");
}
