using Sightline.Geometry;
using Sightline.Grounding;

namespace Sightline.Quantization;

/// <summary>How far the boxes of a quantized fusion model are from those of the one it was made from.</summary>
/// <param name="Answers">Phrases asked, over all pictures.</param>
/// <param name="MeanOverlap">IoU of the best boxes of a phrase, averaged; 1: the same.</param>
/// <param name="LeastOverlap">The worst of them.</param>
/// <param name="MeanCornerError">Distance between the sides of the best boxes, as a share of the picture's longer side.</param>
/// <param name="MeanScoreError">Difference of the best boxes' scores.</param>
public sealed record BoxCheck(int Answers, double MeanOverlap, double LeastOverlap, double MeanCornerError, double MeanScoreError)
{
    /// <summary>Asks both models the same of the first pictures of a folder.</summary>
    /// <param name="model">The folder with full weights.</param>
    /// <param name="quantized">The folder that was made from it.</param>
    /// <param name="pictures">A folder of pictures.</param>
    /// <param name="phrases">What to ask; some phrases that fit anything when null.</param>
    /// <exception cref="SightlineException">NotFound, BadModel: something is missing or damaged.</exception>
    public static BoxCheck Run(string model, string quantized, string pictures, IReadOnlyList<string>? phrases = null)
    {
        phrases ??= PictureFolder.DefaultPhrases;
        using var full = Grounder.Load(model);
        using var other = Grounder.Load(quantized);
        var (overlaps, corners, scores) = (new List<double>(), new List<double>(), new List<double>());
        foreach (var picture in PictureFolder.Load(pictures))
        {
            var (ours, theirs) = (full.Ground(picture, phrases, GroundingOptions.ForEvaluation), other.Ground(picture, phrases, GroundingOptions.ForEvaluation));
            for (var i = 0; i < phrases.Count; i++)
            {
                var (a, b) = (ours.Answers[i].Detections.FirstOrDefault(), theirs.Answers[i].Detections.FirstOrDefault());
                if (a is null && b is null) continue;
                overlaps.Add(a is null || b is null ? 0 : Iou.Of(a.Box, b.Box));
                scores.Add(Math.Abs((a?.Score ?? 0) - (b?.Score ?? 0)));
                if (a is null || b is null) continue;
                var sides = Math.Abs(a.Box.X1 - b.Box.X1) + Math.Abs(a.Box.Y1 - b.Box.Y1) + Math.Abs(a.Box.X2 - b.Box.X2) + Math.Abs(a.Box.Y2 - b.Box.Y2);
                corners.Add(sides / 4 / Math.Max(picture.Width, picture.Height));
            }
        }

        return new BoxCheck(
            overlaps.Count, overlaps.DefaultIfEmpty(1).Average(), overlaps.DefaultIfEmpty(1).Min(), corners.DefaultIfEmpty(0).Average(), scores.DefaultIfEmpty(0).Average());
    }
}
