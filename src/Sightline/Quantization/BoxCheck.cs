using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Nn;

namespace Sightline.Quantization;

/// <summary>How far the boxes of a quantized model are from those of the one it was made from.</summary>
/// <param name="Answers">Phrases asked over all pictures, without those for which neither model has a box.</param>
/// <param name="MeanOverlap">IoU of the best boxes of a phrase, averaged; 1: the same.</param>
/// <param name="LeastOverlap">The worst of them.</param>
/// <param name="MeanCornerError">Distance between the sides of the best boxes, as a share of the picture's longer side, where both models have one.</param>
/// <param name="MeanScoreError">Difference of the best boxes' scores.</param>
public sealed record BoxCheck(int Answers, double MeanOverlap, double LeastOverlap, double MeanCornerError, double MeanScoreError)
{
    private const int MostTokens = 256; // of an answer with one box

    /// <summary>Asks both models the same of the first pictures of a folder.</summary>
    /// <param name="model">The folder with full weights.</param>
    /// <param name="quantized">The folder that was made from it.</param>
    /// <param name="pictures">A folder of pictures.</param>
    /// <param name="phrases">What to ask; some phrases that fit anything when null.</param>
    /// <param name="cancellation">Noticed within a picture.</param>
    /// <exception cref="SightlineException">NotFound, BadModel: something is missing or damaged.</exception>
    public static BoxCheck Run(string model, string quantized, string pictures, IReadOnlyList<string>? phrases = null, CancellationToken cancellation = default)
    {
        Picture[] shown = [.. PictureFolder.Load(pictures)];
        return Compare(Ask(Grounder.Load(model), shown, phrases, cancellation), Ask(Grounder.Load(quantized), shown, phrases, cancellation));
    }

    /// <summary>Quantizes one layer at a time, all others being full, and asks the same questions each time: which layers the boxes depend on.</summary>
    /// <param name="model">The folder with full weights.</param>
    /// <param name="layers">Paths of matrices and their formats; those that stay as they are stored are left out.</param>
    /// <param name="pictures">A folder of pictures.</param>
    /// <param name="phrases">What to ask; some phrases that fit anything when null.</param>
    /// <param name="progress">Told the layer in work.</param>
    /// <param name="cancellation">Noticed within a picture.</param>
    /// <exception cref="SightlineException">NotFound, BadModel: something is missing or damaged.</exception>
    public static IReadOnlyDictionary<string, BoxCheck> EachLayer(
        string model, IEnumerable<(string Path, WeightFormat Format)> layers, string pictures, IReadOnlyList<string>? phrases = null, Action<string>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(layers);
        Picture[] shown = [.. PictureFolder.Load(pictures)];
        var full = Ask(Grounder.Load(model), shown, phrases, cancellation);
        var checks = new Dictionary<string, BoxCheck>(StringComparer.Ordinal);
        foreach (var (path, format) in layers)
        {
            if (format is not (WeightFormat.Int8 or WeightFormat.Int4)) continue;
            progress?.Invoke($"boxes with {path} alone");
            checks[path] = Compare(full, Ask(Grounder.LoadWithOneLayer(model, path, format), shown, phrases, cancellation));
        }

        return checks;
    }

    /// <summary>The best box of each phrase in each picture; frees the model.</summary>
    private static List<(Detection? Best, int Side)> Ask(Grounder model, Picture[] pictures, IReadOnlyList<string>? phrases, CancellationToken cancellation)
    {
        using var grounder = model;
        var options = GroundingOptions.ForEvaluation;
        if (grounder.CanConverse) options = new GroundingOptions { Language = new LanguageOptions { IsConstrained = true, MaxTokens = MostTokens } };
        return [.. pictures.SelectMany(picture => grounder.Ground(picture, phrases ?? PictureFolder.DefaultPhrases, options, cancellation).Answers
            .Select(answer => (answer.Detections.FirstOrDefault(), Math.Max(picture.Width, picture.Height))))];
    }

    private static BoxCheck Compare(List<(Detection? Best, int Side)> full, List<(Detection? Best, int Side)> other)
    {
        var (overlaps, corners, scores) = (new List<double>(), new List<double>(), new List<double>());
        foreach (var ((a, side), (b, _)) in full.Zip(other))
        {
            if (a is null && b is null) continue;
            overlaps.Add(a is null || b is null ? 0 : Iou.Of(a.Box, b.Box));
            scores.Add(Math.Abs((a?.Score ?? 0) - (b?.Score ?? 0)));
            if (a is null || b is null) continue;
            var sides = Math.Abs(a.Box.X1 - b.Box.X1) + Math.Abs(a.Box.Y1 - b.Box.Y1) + Math.Abs(a.Box.X2 - b.Box.X2) + Math.Abs(a.Box.Y2 - b.Box.Y2);
            corners.Add(sides / 4 / side);
        }

        return new BoxCheck(
            overlaps.Count, overlaps.DefaultIfEmpty(1).Average(), overlaps.DefaultIfEmpty(1).Min(), corners.DefaultIfEmpty(0).Average(), scores.DefaultIfEmpty(0).Average());
    }
}
