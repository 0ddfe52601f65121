using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Text.Prompts;

namespace Sightline.Grounding;

/// <summary>One found region.</summary>
/// <param name="Phrase">The phrase that it answers.</param>
/// <param name="Box">Where, in pixels of the picture that was asked about.</param>
/// <param name="Score">How sure the model is, 0..1.</param>
public sealed record Detection(string Phrase, Box Box, double Score)
{
    /// <summary>How sure a vision-language model said that it is, 0..1; null where it said nothing. Where there is one, it is the <see cref="Score"/>.</summary>
    public double? SpokenConfidence { get; init; }

    /// <summary>How sure it was by the probabilities of the tokens of the box's numbers (<see cref="Generation.TokenConfidence"/>), 0..1; null for other models.</summary>
    public double? TokenConfidence { get; init; }

    /// <summary>What the model called it, where that was said.</summary>
    public string? Label { get; init; }

    /// <summary>Which of the pictures of a conversation it is in, from 0; 0 where there is one.</summary>
    public int Picture { get; init; }
}

/// <summary>One found place.</summary>
/// <param name="Phrase">The phrase that it answers.</param>
/// <param name="X">To the right.</param>
/// <param name="Y">Down.</param>
/// <param name="Frame">Of the numbers: pixels of the picture that was asked about.</param>
/// <param name="Score">How sure the model is, 0..1.</param>
public sealed record FoundPoint(string Phrase, double X, double Y, CoordinateFrame Frame, double Score);

/// <summary>The answer to one phrase.</summary>
/// <param name="Phrase">What was asked.</param>
/// <param name="Presence">How sure the model is that anything in the picture fits, 0..1.</param>
/// <param name="Detections">The regions, best first; empty means "nothing here".</param>
public sealed record PhraseAnswer(string Phrase, double Presence, IReadOnlyList<Detection> Detections)
{
    /// <summary>The places, when points were asked for: what a model pointed at, or the centres of the boxes of one that finds boxes.</summary>
    public IReadOnlyList<FoundPoint> Points { get; init; } = [];

    /// <summary>What a vision-language model said; null for other models. Phrases of one question share it.</summary>
    public SpokenAnswer? Spoken { get; init; }

    /// <summary>Word pieces at the end of the phrase that the model had no room for and did not read; 0 for all phrases of usual length.</summary>
    public int IgnoredWordPieces { get; init; }
}

/// <summary>What a model found in one picture.</summary>
/// <param name="Picture">The picture.</param>
/// <param name="Answers">One answer a phrase, in the order of asking.</param>
public sealed record GroundingResult(Picture Picture, IReadOnlyList<PhraseAnswer> Answers)
{
    /// <summary>The detections of all phrases, best first.</summary>
    public IReadOnlyList<Detection> Detections { get; } =
        [.. Answers.SelectMany(answer => answer.Detections).OrderByDescending(detection => detection.Score)];

    /// <summary>The points of all phrases, best first.</summary>
    public IReadOnlyList<FoundPoint> Points { get; } = [.. Answers.SelectMany(answer => answer.Points).OrderByDescending(point => point.Score)];

    /// <summary>The name for what the picture shows, when that was asked: one of the phrases, or what the model said; null where there was none.</summary>
    public string? Label { get; init; }

    /// <summary>How sure the model is of the <see cref="Label"/>, 0..1.</summary>
    public double LabelScore { get; init; }

    /// <summary>What a vision-language model said, one a question; empty for other models.</summary>
    public IEnumerable<SpokenAnswer> Spoken => Answers.Select(answer => answer.Spoken).OfType<SpokenAnswer>().Distinct();

    /// <summary>The pixels of a region, for a classifier, a reader or a segmenter.</summary>
    /// <param name="detection">One of <see cref="Detections"/>.</param>
    /// <param name="margin">Added on each side, as a share of the box's width and height.</param>
    public Picture Crop(Detection detection, double margin = 0)
    {
        ArgumentNullException.ThrowIfNull(detection);
        ArgumentOutOfRangeException.ThrowIfNegative(margin);
        var box = detection.Box.To(Picture.Frame);
        return Picture.Crop((box with
        {
            X1 = box.X1 - (box.Width * margin),
            Y1 = box.Y1 - (box.Height * margin),
            X2 = box.X2 + (box.Width * margin),
            Y2 = box.Y2 + (box.Height * margin),
        }).Clip());
    }
}

/// <summary>What is asked, and what counts as found.</summary>
public sealed record GroundingOptions
{
    /// <summary>
    /// What is asked. For a model that finds boxes all tasks but a caption are the same work: a question is a phrase, a point is the centre of a box, and a name is
    /// the phrase that is most surely there.
    /// </summary>
    public GroundingTask Task { get; init; }

    /// <summary>How a vision-language model is asked.</summary>
    public LanguageOptions Language { get; init; } = new();

    /// <summary>Detections below this score are left out; null: below 0.3, and of a vision-language model none, as it names only what it has found.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a number from 0 to 1.</exception>
    public double? Threshold { get; init => field = value is { } share ? Share(share, nameof(Threshold)) : null; }

    /// <summary>Of two detections of one phrase that overlap more than this, the weaker is left out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a number from 0 to 1.</exception>
    public double OverlapThreshold { get; init => field = Share(value, nameof(OverlapThreshold)); } = 0.6;

    /// <summary>Most detections a phrase.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int MaximumDetections
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(MaximumDetections));
            field = value;
        }
    } = 100;

    /// <summary>
    /// Most phrases that a model reads in one pass; more take several passes over the picture's features. A phrase's answer depends a little on
    /// its company, so a measurement that is to be repeated fixes it.
    /// </summary>
    public int PhrasesTogether { get; init; } = int.MaxValue;

    /// <summary>The options with which a picture is measured: everything that can still count.</summary>
    public static GroundingOptions ForEvaluation { get; } = new() { Threshold = 0.001 };

    private static double Share(double value, string name) =>
        value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be a number from 0 to 1");
}
