using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Models.Fusion;

namespace Sightline.Training.Grounding;

/// <summary>A picture on its canvas with the phrases to learn and the objects they mean.</summary>
/// <param name="Name">Says where the sample came from, for error messages.</param>
/// <param name="Canvas">The picture as the model sees it.</param>
/// <param name="Phrases">What is asked; at least one.</param>
/// <param name="Objects">All boxes of all phrases, each once, in 0..1 of the canvas.</param>
/// <param name="Targets">For each phrase, the objects that it means; none where it means nothing here.</param>
public sealed record TrainingSample(string Name, CanvasPicture Canvas, string[] Phrases, CanvasBox[] Objects, int[][] Targets)
{
    /// <summary>True for phrases whose answer depends on the whole picture (position, size, count, relation).</summary>
    public required bool[] PositionSensitive { get; init; }

    /// <summary>Puts a labelled picture on a canvas. Boxes that are the same object in several phrases are shared.</summary>
    public static TrainingSample From(string name, GroundedPicture grounded, FusionProcessor processor)
    {
        ArgumentNullException.ThrowIfNull(grounded);
        var canvas = processor.Fit(grounded.Picture);
        var index = new Dictionary<Box, int>();
        var objects = new List<CanvasBox>();
        var targets = new int[grounded.Phrases.Count][];
        for (var p = 0; p < targets.Length; p++)
        {
            var boxes = grounded.Phrases[p].Boxes;
            var means = new List<int>(boxes.Count);
            foreach (var box in boxes)
            {
                if (!index.TryGetValue(box, out var at))
                {
                    var placed = canvas.FromSource(box.Clip());
                    if (placed.IsEmpty) continue;
                    index[box] = at = objects.Count;
                    objects.Add(new CanvasBox((float)placed.X1, (float)placed.Y1, (float)placed.X2, (float)placed.Y2));
                }

                means.Add(at);
            }

            targets[p] = [.. means];
        }

        return new TrainingSample(name, canvas, [.. grounded.Phrases.Select(phrase => phrase.Phrase)], [.. objects], targets)
        {
            PositionSensitive = [.. grounded.Phrases.Select(phrase => phrase.PositionSensitive)],
        };
    }
}

/// <summary>A box by its corners, in 0..1 of the canvas, in the precision of the model.</summary>
public readonly record struct CanvasBox(float X1, float Y1, float X2, float Y2)
{
    /// <summary>Intersection over union; 0 for boxes without area.</summary>
    public float Iou(CanvasBox other)
    {
        var width = MathF.Min(X2, other.X2) - MathF.Max(X1, other.X1);
        var height = MathF.Min(Y2, other.Y2) - MathF.Max(Y1, other.Y1);
        if (width <= 0 || height <= 0) return 0;
        var inner = width * height;
        var union = ((X2 - X1) * (Y2 - Y1)) + ((other.X2 - other.X1) * (other.Y2 - other.Y1)) - inner;
        return union > 0 ? inner / union : 0;
    }
}
