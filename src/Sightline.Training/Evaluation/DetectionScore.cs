using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>The result of a COCO or LVIS evaluation.</summary>
public sealed record DetectionScore
{
    /// <summary>coco/bbox, coco/segm, lvis/bbox or lvis/segm.</summary>
    public required string Metric { get; init; }

    /// <summary>The names of the figures, as the official code orders them.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>The figures, 0..1; -1 where there is nothing to find. 12 for COCO's own options.</summary>
    public required IReadOnlyList<double> Stats { get; init; }

    /// <summary>One interval a figure, where asked for; otherwise empty.</summary>
    public IReadOnlyList<Interval> Intervals { get; init; } = [];

    /// <summary>In ascending id.</summary>
    public required IReadOnlyList<ClassScore> PerClass { get; init; }

    public required int Images { get; init; }

    public required int Truths { get; init; }

    public required int Detections { get; init; }

    /// <summary>What a reader of the score should know about the data.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The whole precision-recall curves.</summary>
    public required DetectionCurves Curves { get; init; }

    /// <summary>A figure by name.</summary>
    /// <exception cref="KeyNotFoundException">There is none of that name.</exception>
    public double this[string name]
    {
        get
        {
            for (var i = 0; i < Names.Count; i++)
            {
                if (Names[i] == name) return Stats[i];
            }

            throw new KeyNotFoundException($"there is no figure {name}; there are {string.Join(", ", Names)}");
        }
    }

    /// <summary>Writes the score as one JSON object with the figures under "stats".</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="provenance">Where the score comes from.</param>
    /// <param name="against">A comparison with another run, for the member "against".</param>
    /// <param name="more">Writes further members.</param>
    public void WriteJson(Utf8JsonWriter writer, ScoreProvenance? provenance = null, IReadOnlyList<PairedComparison>? against = null, Action<Utf8JsonWriter>? more = null)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        writer.WriteString("metric", Metric);
        WriteStrings(writer, "names", Names);
        writer.WriteStartArray("stats");
        foreach (var value in Stats) writer.WriteNumberValue(value);
        writer.WriteEndArray();
        writer.WriteStartArray("intervals");
        for (var i = 0; i < Intervals.Count; i++)
        {
            writer.WriteStartObject();
            writer.WriteString("name", Names[i]);
            JsonInterval.WriteMembers(writer, Intervals[i]);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteNumber("images", Images);
        writer.WriteNumber("truths", Truths);
        writer.WriteNumber("detections", Detections);
        writer.WriteStartArray("per_class");
        foreach (var score in PerClass) WriteClass(writer, score);
        writer.WriteEndArray();
        WriteOptions(writer);
        WriteStrings(writer, "notes", Notes);
        if (against is not null) PairedComparison.WriteJson(writer, against);
        more?.Invoke(writer);
        provenance?.WriteJson(writer);
        writer.WriteEndObject();
    }

    /// <summary>Writes the score to a file, which appears whole or not at all.</summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public void SaveJson(string path, ScoreProvenance? provenance = null) => ScoreFile.Write(path, writer => WriteJson(writer, provenance));

    private static void WriteClass(Utf8JsonWriter writer, ClassScore score)
    {
        writer.WriteStartObject();
        writer.WriteNumber("id", score.Id);
        writer.WriteString("name", score.Name);
        writer.WriteNumber("truths", score.Truths);
        writer.WriteNumber("detections", score.Detections);
        writer.WriteNumber("ap", score.Ap);
        writer.WriteNumber("ap50", score.Ap50);
        writer.WriteNumber("ap75", score.Ap75);
        writer.WriteNumber("ar", score.Ar);
        if (score.ApInterval is { } interval) JsonInterval.Write(writer, "ap_interval", interval);
        writer.WriteEndObject();
    }

    private void WriteOptions(Utf8JsonWriter writer)
    {
        var options = Curves.Options;
        writer.WriteStartObject("options");
        writer.WriteString("region", options.Region == RegionKind.Box ? "bbox" : "segm");
        writer.WriteBoolean("class_agnostic", options.ClassAgnostic);
        writer.WriteStartArray("iou_thresholds");
        foreach (var threshold in options.IouThresholds) writer.WriteNumberValue(Math.Round(threshold, 12));
        writer.WriteEndArray();
        writer.WriteStartArray("max_detections");
        foreach (var max in options.MaxDetections) writer.WriteNumberValue(max);
        writer.WriteEndArray();
        if (options.Bootstrap is { } bootstrap)
        {
            writer.WriteNumber("bootstrap_samples", bootstrap.Samples);
            writer.WriteNumber("bootstrap_seed", bootstrap.Seed);
        }

        writer.WriteEndObject();
    }

    private static void WriteStrings(Utf8JsonWriter writer, string name, IReadOnlyList<string> values)
    {
        writer.WriteStartArray(name);
        foreach (var value in values) writer.WriteStringValue(value);
        writer.WriteEndArray();
    }
}
