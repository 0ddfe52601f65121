using System.Runtime.InteropServices;

namespace Sightline.Training.Evaluation;

/// <summary>
/// What LVIS knows about which class is in which picture (Gupta, Dollar, Girshick, CVPR 2019, arXiv:1908.03195): a class is
/// scored in a picture only where it is annotated or known to be absent, an unmatched detection is forgiven where not every
/// instance is annotated, and a picture keeps its 300 best detections over all classes.
/// </summary>
internal sealed class FederatedPresence
{
    private const int MaxDetections = 300;
    private readonly HashSet<(int Image, int Category)> _scored = [];
    private readonly HashSet<(int Image, int Category)> _notExhaustive = [];

    public FederatedPresence(CocoImage[] images, IReadOnlyList<CocoAnnotation> annotations, Dictionary<long, int> imageIndex)
    {
        for (var i = 0; i < images.Length; i++)
        {
            foreach (var category in images[i].NegativeCategoryIds) _scored.Add((i, category));
            foreach (var category in images[i].NotExhaustiveCategoryIds) _notExhaustive.Add((i, category));
        }

        foreach (var annotation in annotations)
        {
            if (imageIndex.TryGetValue(annotation.ImageId, out var image)) _scored.Add((image, annotation.CategoryId));
        }
    }

    public bool IsForgiven(int image, int category) => _notExhaustive.Contains((image, category));

    /// <summary>Sets the image index of detections that do not count to -1.</summary>
    public void Drop(IReadOnlyList<CocoDetection> detections, int[] image, int[] category)
    {
        DropBeyondTheBest(detections, image);
        for (var i = 0; i < image.Length; i++)
        {
            if (category[i] < 0 || !_scored.Contains((image[i], detections[i].CategoryId))) image[i] = -1;
        }
    }

    // The 300 are chosen before classes are looked at: also a detection that is dropped later takes a place.
    private static void DropBeyondTheBest(IReadOnlyList<CocoDetection> detections, int[] image)
    {
        var perImage = new Dictionary<int, int>();
        foreach (var i in image) CollectionsMarshal.GetValueRefOrAddDefault(perImage, i, out _)++;
        var crowded = perImage.Where(c => c.Value > MaxDetections).ToDictionary(c => c.Key, c => new List<int>(c.Value));
        for (var i = 0; i < image.Length; i++)
        {
            if (crowded.TryGetValue(image[i], out var own)) own.Add(i);
        }

        foreach (var own in crowded.Values)
        {
            foreach (var i in own.OrderByDescending(i => detections[i].Score).Skip(MaxDetections)) image[i] = -1;
        }
    }
}
