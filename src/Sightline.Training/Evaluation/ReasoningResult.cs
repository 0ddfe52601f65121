using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>One question about a region, answered.</summary>
/// <param name="Picture">The picture.</param>
/// <param name="Question">The words.</param>
/// <param name="IsRead">Whether something was understood of the answer: a region, or that there is none.</param>
/// <param name="Intersection">Pixels that the answer's mask and the true mask have both.</param>
/// <param name="Union">Pixels that either has.</param>
/// <param name="BoxIou">IoU of the answer's box with the box of the true mask; 1 where both are empty and the answer was read.</param>
public sealed record ReasoningAnswer(string Picture, string Question, bool IsRead, long Intersection, long Union, double BoxIou)
{
    /// <summary>IoU of the masks; 1 where both are empty, unless the answer could not be read.</summary>
    public double Iou => Union == 0 ? IsRead ? 1 : 0 : (double)Intersection / Union;
}

/// <summary>Masks and boxes of one way to count.</summary>
/// <param name="Masks">gIoU (mean) and cIoU (cumulative).</param>
/// <param name="Boxes">Mean IoU and accuracies of the boxes.</param>
public sealed record ReasoningScore(ReferringScore Masks, ReferringScore Boxes);

/// <summary>
/// Reasoning segmentation and grounding, as LISA reports it (Lai et al., CVPR 2024): gIoU is the mean of the questions' IoUs, cIoU the summed
/// intersections over the summed unions; pixels that the annotation ignores count for neither. A model that gives boxes is
/// scored with the box filled.
/// </summary>
public sealed class ReasoningResult
{
    /// <summary>Scores answers.</summary>
    public ReasoningResult(IReadOnlyList<ReasoningAnswer> answers, BootstrapOptions? bootstrap = null)
    {
        ArgumentNullException.ThrowIfNull(answers);
        Answers = answers;
        Official = Score(answers, bootstrap);
        Published = Score([.. answers.Where(answer => answer.IsRead)], bootstrap);
    }

    /// <summary>One entry a question.</summary>
    public IReadOnlyList<ReasoningAnswer> Answers { get; }

    /// <summary>Over all questions: an answer that cannot be read is a miss, whatever is there.</summary>
    public ReasoningScore Official { get; }

    /// <summary>Over the questions whose answer could be read.</summary>
    public ReasoningScore Published { get; }

    /// <summary>How the answers could be read.</summary>
    public AnswerTally Spoken { get; init; } = new();

    /// <summary>Whether masks were given, and not made of boxes.</summary>
    public bool HasMasks { get; init; }

    /// <summary>The figures of a way to count, by name.</summary>
    public static IReadOnlyList<(string Name, double Value, Interval? Interval)> Figures(ReasoningScore score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return
        [
            ("gIoU", score.Masks.MeanIou, score.Masks.MeanIouInterval),
            ("cIoU", score.Masks.CumulativeIou ?? -1, score.Masks.CumulativeIouInterval),
            ("box IoU", score.Boxes.MeanIou, score.Boxes.MeanIouInterval),
            ("box accuracy at 0.5", score.Boxes.AccuracyAt(0.5), score.Boxes.AccuracyIntervals.Count > 1 ? score.Boxes.AccuracyIntervals[1] : null),
        ];
    }

    /// <summary>Whether another run differs on the same questions, counted officially: this run is A.</summary>
    /// <exception cref="SightlineException">BadData: it answered other questions.</exception>
    public IReadOnlyList<PairedComparison> Compare(IReadOnlyList<ReasoningAnswer> other, BootstrapOptions? bootstrap = null)
    {
        ArgumentNullException.ThrowIfNull(other);
        PairedAnswers.RequireSame([.. Answers.Select(answer => (answer.Picture, answer.Question))], [.. other.Select(answer => (answer.Picture, answer.Question))]);
        var groups = PairedAnswers.Groups(Answers.Select(answer => answer.Picture));
        return
        [
            Bootstrap.Compare("gIoU", [.. Answers.Select(answer => answer.Iou)], [.. other.Select(answer => answer.Iou)], bootstrap, groups),
            Bootstrap.Compare("box IoU", [.. Answers.Select(answer => answer.BoxIou)], [.. other.Select(answer => answer.BoxIou)], bootstrap, groups),
            Bootstrap.Compare("box accuracy at 0.5", [.. Answers.Select(answer => answer.BoxIou >= 0.5 ? 1.0 : 0)], [.. other.Select(answer => answer.BoxIou >= 0.5 ? 1.0 : 0)], bootstrap, groups),
        ];
    }

    /// <summary>Writes the result as one JSON object.</summary>
    public void WriteJson(Utf8JsonWriter writer, ScoreProvenance? provenance = null, IReadOnlyList<PairedComparison>? against = null, RunSpread? spread = null)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        writer.WriteString("metric", HasMasks ? "reasoning/masks" : "reasoning/boxes-as-masks");
        writer.WriteNumber("questions", Answers.Count);
        foreach (var (name, score, count) in new[] { ("official", Official, Answers.Count), ("published", Published, Answers.Count(answer => answer.IsRead)) })
        {
            writer.WriteStartObject(name);
            writer.WriteNumber("questions", count);
            FigureJson.Write(writer, Figures(score));
            writer.WriteEndObject();
        }

        Spoken.WriteJson(writer);
        spread?.WriteJson(writer);
        if (against is not null) PairedComparison.WriteJson(writer, against);
        provenance?.WriteJson(writer);
        writer.WriteStartArray("answers");
        foreach (var answer in Answers)
        {
            writer.WriteStartObject();
            writer.WriteString("picture", answer.Picture);
            writer.WriteString("question", answer.Question);
            writer.WriteBoolean("read", answer.IsRead);
            writer.WriteNumber("intersection", answer.Intersection);
            writer.WriteNumber("union", answer.Union);
            writer.WriteNumber("box_iou", answer.BoxIou);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>Reads the answers of a file that <see cref="WriteJson"/> wrote.</summary>
    /// <exception cref="SightlineException">NotFound or BadData, naming the file and the entry.</exception>
    public static IReadOnlyList<ReasoningAnswer> LoadAnswers(string path) => AnswerFile.Read(path, entry => new ReasoningAnswer(
        entry.Text("picture"), entry.Text("question"), entry.Flag("read"),
        entry.Integer("intersection"), entry.Integer("union"), entry.Number("box_iou")));

    private static ReasoningScore Score(IReadOnlyList<ReasoningAnswer> answers, BootstrapOptions? bootstrap)
    {
        var groups = PairedAnswers.Groups(answers.Select(answer => answer.Picture));
        // nothing read about nothing there: a missed pixel, so that it does not count as right
        double[] unions = [.. answers.Select(answer => answer is { Union: 0, IsRead: false } ? 1.0 : answer.Union)];
        return new ReasoningScore(
            ReferringEvaluator.Overlaps([.. answers.Select(answer => (double)answer.Intersection)], unions, null, bootstrap, groups),
            ReferringEvaluator.Score([.. answers.Select(answer => answer.BoxIou)], null, bootstrap, groups));
    }
}
