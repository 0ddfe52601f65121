using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>How well boxes or masks answer referring expressions.</summary>
public sealed record ReferringScore
{
    /// <summary>The IoU of each sample; 0 where no answer was given.</summary>
    public required IReadOnlyList<double> Ious { get; init; }

    /// <summary>The IoU thresholds of the accuracies.</summary>
    public required IReadOnlyList<double> Thresholds { get; init; }

    /// <summary>Share of samples whose IoU is at least each threshold.</summary>
    public required IReadOnlyList<double> Accuracy { get; init; }

    /// <summary>Share of samples whose IoU is greater than each threshold, as some published code counts.</summary>
    public required IReadOnlyList<double> StrictAccuracy { get; init; }

    /// <summary>Mean IoU over the samples; for masks this is gIoU. -1 without samples.</summary>
    public required double MeanIou { get; init; }

    /// <summary>Summed intersections over summed unions; for masks only. -1 without samples.</summary>
    public double? CumulativeIou { get; init; }

    /// <summary>One interval an accuracy, where asked for; otherwise empty.</summary>
    public IReadOnlyList<Interval> AccuracyIntervals { get; init; } = [];

    /// <summary>Of the mean IoU, where asked for.</summary>
    public Interval? MeanIouInterval { get; init; }

    /// <summary>Of the cumulative IoU, where asked for.</summary>
    public Interval? CumulativeIouInterval { get; init; }

    /// <summary>The accuracy (at least) of one threshold.</summary>
    /// <exception cref="KeyNotFoundException">It was not computed.</exception>
    public double AccuracyAt(double threshold)
    {
        for (var i = 0; i < Thresholds.Count; i++)
        {
            if (Math.Abs(Thresholds[i] - threshold) < 1e-9) return Accuracy[i];
        }

        throw new KeyNotFoundException($"the accuracy at IoU {threshold} was not computed");
    }

    /// <summary>Writes the score as one JSON object.</summary>
    public void WriteJson(Utf8JsonWriter writer, ScoreProvenance? provenance = null)
    {
        writer.WriteStartObject();
        writer.WriteString("metric", CumulativeIou is null ? "referring/boxes" : "referring/masks");
        writer.WriteNumber("samples", Ious.Count);
        writer.WriteNumber(CumulativeIou is null ? "mean_iou" : "giou", MeanIou);
        if (MeanIouInterval is { } mean) JsonInterval.Write(writer, "mean_iou_interval", mean);
        if (CumulativeIou is { } cumulative) writer.WriteNumber("ciou", cumulative);
        if (CumulativeIouInterval is { } interval) JsonInterval.Write(writer, "ciou_interval", interval);
        writer.WriteStartArray("accuracy");
        for (var i = 0; i < Thresholds.Count; i++)
        {
            writer.WriteStartObject();
            writer.WriteNumber("iou", Thresholds[i]);
            writer.WriteNumber("accuracy", Accuracy[i]);
            writer.WriteNumber("accuracy_strict", StrictAccuracy[i]);
            if (AccuracyIntervals.Count > 0) JsonInterval.Write(writer, "interval", AccuracyIntervals[i]);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        provenance?.WriteJson(writer);
        writer.WriteEndObject();
    }

    /// <summary>Writes the score to a file, which appears whole or not at all.</summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public void SaveJson(string path, ScoreProvenance? provenance = null) => ScoreFile.Write(path, writer => WriteJson(writer, provenance));
}
