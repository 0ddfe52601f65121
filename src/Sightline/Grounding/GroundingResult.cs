using Sightline.Geometry;
using Sightline.Imaging;

namespace Sightline.Grounding;

/// <summary>One found region.</summary>
/// <param name="Phrase">The phrase that it answers.</param>
/// <param name="Box">Where, in pixels of the picture that was asked about.</param>
/// <param name="Score">How sure the model is, 0..1.</param>
public sealed record Detection(string Phrase, Box Box, double Score);

/// <summary>The answer to one phrase.</summary>
/// <param name="Phrase">What was asked.</param>
/// <param name="Presence">How sure the model is that anything in the picture fits, 0..1.</param>
/// <param name="Detections">The regions, best first; empty means "nothing here".</param>
public sealed record PhraseAnswer(string Phrase, double Presence, IReadOnlyList<Detection> Detections);

/// <summary>What a model found in one picture.</summary>
/// <param name="Picture">The picture.</param>
/// <param name="Answers">One answer a phrase, in the order of asking.</param>
public sealed record GroundingResult(Picture Picture, IReadOnlyList<PhraseAnswer> Answers)
{
    /// <summary>The detections of all phrases, best first.</summary>
    public IReadOnlyList<Detection> Detections { get; } =
        [.. Answers.SelectMany(answer => answer.Detections).OrderByDescending(detection => detection.Score)];

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

/// <summary>What counts as found.</summary>
public sealed record GroundingOptions
{
    /// <summary>Detections below this score are left out.</summary>
    public double Threshold { get; init; } = 0.3;

    /// <summary>Of two detections of one phrase that overlap more than this, the weaker is left out.</summary>
    public double OverlapThreshold { get; init; } = 0.6;

    /// <summary>Most detections a phrase.</summary>
    public int MaximumDetections { get; init; } = 100;

    /// <summary>
    /// Most phrases that a model reads in one pass; more take several passes over the picture's features. A phrase's answer depends a little on
    /// its company, so a measurement that is to be repeated fixes it.
    /// </summary>
    public int PhrasesTogether { get; init; } = int.MaxValue;

    /// <summary>The options with which a picture is measured: everything that can still count.</summary>
    public static GroundingOptions ForEvaluation { get; } = new() { Threshold = 0.001 };
}
