using Sightline.Geometry;

namespace Sightline.Training.Evaluation;

/// <summary>What went wrong in one picture, by COCO's matching at IoU 0.5: for looking at, not for scoring.</summary>
/// <param name="Image">Position of the picture in <see cref="CocoGroundTruth.Images"/>.</param>
/// <param name="Missed">Objects that no detection of their class found; crowds and ignored objects are never missed.</param>
/// <param name="Wrong">Detections on nothing of their class, and second ones on an object that is found already.</param>
/// <param name="Right">The other detections.</param>
public sealed record PictureFailures(int Image, IReadOnlyList<CocoAnnotation> Missed, IReadOnlyList<CocoDetection> Wrong, IReadOnlyList<CocoDetection> Right)
{
    /// <summary>Overlap from which an object counts as found.</summary>
    private const double Overlap = 0.5;

    /// <summary>The score from which a detection is shown to a user who sets no threshold.</summary>
    private const double ShownFrom = 0.3;

    /// <summary>How bad it is: one for each object missed, and the score of each wrong detection.</summary>
    public double Weight => Missed.Count + Wrong.Sum(found => found.Score);

    /// <summary>The pictures with failures, the worst first; of equal ones the earlier first.</summary>
    /// <param name="truth">What is there.</param>
    /// <param name="detections">What was found.</param>
    /// <param name="shownFrom">Detections below this score do not count: an application would not show them.</param>
    public static IReadOnlyList<PictureFailures> Worst(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, double shownFrom = ShownFrom)
    {
        ArgumentNullException.ThrowIfNull(truth);
        ArgumentNullException.ThrowIfNull(detections);
        var objects = truth.Annotations.ToLookup(item => (item.ImageId, item.CategoryId));
        var answers = detections.Where(found => found.Score >= shownFrom).ToLookup(found => (found.ImageId, found.CategoryId));
        return [.. truth.Images
            .Select((image, index) => Of(index, image.Id, truth.Categories, objects, answers))
            .Where(failures => failures.Weight > 0)
            .OrderByDescending(failures => failures.Weight)];
    }

    private static PictureFailures Of(
        int index, long image, IReadOnlyList<CocoCategory> categories, ILookup<(long, int), CocoAnnotation> objects, ILookup<(long, int), CocoDetection> answers)
    {
        var (missed, wrong, right) = (new List<CocoAnnotation>(), new List<CocoDetection>(), new List<CocoDetection>());
        foreach (var category in categories)
        {
            CocoAnnotation[] truths = [.. objects[(image, category.Id)].OrderBy(IsForgiven)];
            CocoDetection[] found = [.. answers[(image, category.Id)].OrderByDescending(answer => answer.Score)];
            var (taken, match) = (new bool[truths.Length], new int[found.Length]);
            DetectionMatching.Match(
                Overlaps(found, truths), Enumerable.Range(0, truths.Length).ToArray(), truths.Count(item => !IsForgiven(item)), Array.ConvertAll(truths, item => item.IsCrowd), Overlap, taken, match);
            missed.AddRange(truths.Where((item, i) => !taken[i] && !IsForgiven(item)));
            for (var i = 0; i < found.Length; i++) (match[i] < 0 ? wrong : right).Add(found[i]);
        }

        return new PictureFailures(index, missed, wrong, right);
    }

    private static bool IsForgiven(CocoAnnotation item) => item.IsCrowd || item.IsIgnored;

    private static double[] Overlaps(CocoDetection[] found, CocoAnnotation[] truths)
    {
        var iou = new double[found.Length * truths.Length];
        for (var i = 0; i < iou.Length; i++)
        {
            var (a, b) = (found[i / truths.Length], truths[i % truths.Length]);
            iou[i] = Iou.OfXywh([a.X, a.Y, a.Width, a.Height], [b.X, b.Y, b.Width, b.Height], b.IsCrowd);
        }

        return iou;
    }
}
