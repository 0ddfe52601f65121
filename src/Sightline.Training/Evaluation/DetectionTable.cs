using Sightline.Geometry;

namespace Sightline.Training.Evaluation;

/// <summary>
/// Ground truth and detections in flat arrays, ordered by class, within a class by picture (ascending id), within a picture
/// as in the file: the order in which the official code visits them, which decides ties. Without classes, there is one
/// class, and within a picture the annotations stand by class first.
/// </summary>
internal sealed class DetectionTable
{
    private DetectionTable(long[] imageIds, CocoCategory[] categories, int groups)
    {
        ImageIds = imageIds;
        CategoryList = categories;
        Groups = groups;
    }

    /// <summary>Ascending; an image index is a position here.</summary>
    public long[] ImageIds { get; }

    /// <summary>Ascending by id.</summary>
    public CocoCategory[] CategoryList { get; }

    /// <summary>The number of classes that are scored apart: 1 when classes do not count.</summary>
    public int Groups { get; }

    public Side Truths { get; private set; } = null!;

    public Side Detections { get; private set; } = null!;

    /// <summary>Detections whose class the ground truth does not have; they are not scored.</summary>
    public int UnknownCategory { get; private set; }

    /// <summary>Arrays of one side, all of one length but Start.</summary>
    internal sealed class Side(int count, int groups, bool masks)
    {
        public readonly int[] Start = new int[groups + 1];
        public readonly int[] Image = new int[count];
        public readonly int[] Source = new int[count]; // position in the file
        public readonly long[] Id = new long[count];
        public readonly double[] Boxes = new double[count * 4]; // x, y, width, height
        public readonly double[] Areas = new double[count];
        public readonly double[] Scores = new double[count]; // detections only
        public readonly bool[] Ignored = new bool[count]; // truths: never missed; detections: not wrong when unmatched
        public readonly bool[] Crowd = new bool[count]; // truths only
        public readonly RunLengthMask[] Masks = new RunLengthMask[masks ? count : 0];
        public readonly double[] Bounds = new double[masks ? count * 4 : 0]; // of the masks, x, y, width, height

        public int Count => Image.Length;

        public void SetMask(int place, RunLengthMask mask)
        {
            Masks[place] = mask;
            (Bounds[4 * place], Bounds[(4 * place) + 1], Bounds[(4 * place) + 2], Bounds[(4 * place) + 3]) = mask.BoundsXywh();
        }
    }

    /// <param name="truth">The ground truth.</param>
    /// <param name="detections">The answers.</param>
    /// <param name="classAgnostic">Whether classes do not count.</param>
    /// <param name="region">Boxes or masks.</param>
    /// <param name="federated">LVIS: a class counts in a picture only where it is annotated or known to be absent; no crowds.</param>
    public static DetectionTable Build(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, bool classAgnostic, RegionKind region, bool federated)
    {
        var images = truth.Images.OrderBy(i => i.Id).ToArray();
        var categories = truth.Categories.OrderBy(c => c.Id).ToArray();
        var table = new DetectionTable([.. images.Select(i => i.Id)], categories, classAgnostic ? 1 : categories.Length);
        var categoryIndex = new Dictionary<int, int>(categories.Length);
        for (var i = 0; i < categories.Length; i++) categoryIndex.Add(categories[i].Id, i);
        var imageIndex = new Dictionary<long, int>(images.Length);
        for (var i = 0; i < images.Length; i++) imageIndex.Add(images[i].Id, i);

        var presence = federated ? new FederatedPresence(images, truth.Annotations, imageIndex) : null;
        table.AddTruths(truth, imageIndex, categoryIndex, classAgnostic, region, federated);
        table.AddDetections(truth, detections, imageIndex, categoryIndex, classAgnostic, region, presence, images);
        return table;
    }

    private void AddTruths(CocoGroundTruth truth, Dictionary<long, int> imageIndex, Dictionary<int, int> categoryIndex, bool classAgnostic, RegionKind region, bool federated)
    {
        var annotations = truth.Annotations;
        var (image, category) = (new int[annotations.Count], new int[annotations.Count]);
        for (var i = 0; i < annotations.Count; i++)
        {
            image[i] = imageIndex.GetValueOrDefault(annotations[i].ImageId, -1);
            category[i] = categoryIndex.GetValueOrDefault(annotations[i].CategoryId, -1);
        }

        var order = Order(image, category, classAgnostic);
        var side = new Side(order.Length, Groups, region == RegionKind.Mask);
        for (var k = 0; k < order.Length; k++)
        {
            var i = order[k];
            var a = annotations[i];
            (side.Image[k], side.Source[k], side.Id[k], side.Areas[k]) = (image[i], i, a.Id, a.Area);
            (side.Boxes[4 * k], side.Boxes[(4 * k) + 1], side.Boxes[(4 * k) + 2], side.Boxes[(4 * k) + 3]) = (a.X, a.Y, a.Width, a.Height);
            side.Crowd[k] = a.IsCrowd && !federated;
            // pycocotools overwrites a file's own "ignore" by iscrowd; the LVIS code knows "ignore" only
            side.Ignored[k] = federated ? a.IsIgnored : a.IsCrowd;
            if (region == RegionKind.Mask) side.SetMask(k, a.Mask ?? throw new SightlineException(ErrorKind.BadData, $"{truth.Name}: annotations[{i}] has no segmentation, which mask AP needs"));
        }

        FillStarts(side, order, category, classAgnostic);
        Truths = side;
    }

    private void AddDetections(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, Dictionary<long, int> imageIndex, Dictionary<int, int> categoryIndex, bool classAgnostic, RegionKind region, FederatedPresence? presence, CocoImage[] images)
    {
        var (image, category) = (new int[detections.Count], new int[detections.Count]);
        for (var i = 0; i < detections.Count; i++)
        {
            var d = detections[i];
            if (!imageIndex.TryGetValue(d.ImageId, out image[i]))
                throw new SightlineException(ErrorKind.BadData, $"detections[{i}]: image {d.ImageId} is not in {truth.Name}; detections and ground truth belong to different sets");
            if (!double.IsFinite(d.Score) || !double.IsFinite(d.X + d.Y + d.Width + d.Height))
                throw new SightlineException(ErrorKind.BadData, $"detections[{i}]: the score or the box is not a finite number");
            category[i] = categoryIndex.GetValueOrDefault(d.CategoryId, -1);
            if (category[i] < 0) UnknownCategory++;
        }

        presence?.Drop(detections, image, category);
        var order = Order(image, category, classAgnostic);
        var side = new Side(order.Length, Groups, region == RegionKind.Mask);
        for (var k = 0; k < order.Length; k++)
        {
            var i = order[k];
            var d = detections[i];
            (side.Image[k], side.Source[k], side.Id[k], side.Areas[k], side.Scores[k]) = (image[i], i, i + 1, d.Area, d.Score);
            (side.Boxes[4 * k], side.Boxes[(4 * k) + 1], side.Boxes[(4 * k) + 2], side.Boxes[(4 * k) + 3]) = (d.X, d.Y, d.Width, d.Height);
            side.Ignored[k] = presence?.IsForgiven(image[i], d.CategoryId) ?? false;
            if (region == RegionKind.Mask) side.SetMask(k, d.Mask ?? BoxMask(d, i, images[image[i]]));
        }

        FillStarts(side, order, category, classAgnostic);
        Detections = side;
    }

    // pycocotools' loadRes gives a detection without a mask the pixels of its box
    private static RunLengthMask BoxMask(in CocoDetection d, int index, CocoImage image) => image.Width > 0 && image.Height > 0
        ? RunLengthMask.FromXywh(d.X, d.Y, d.Width, d.Height, image.Height, image.Width)
        : throw new SightlineException(ErrorKind.BadData, $"detections[{index}] has no segmentation, and the size of image {image.Id} to make one from its box is not given");

    private int[] Order(int[] image, int[] category, bool classAgnostic)
    {
        var kept = new List<int>(image.Length);
        for (var i = 0; i < image.Length; i++)
        {
            if (image[i] >= 0 && category[i] >= 0) kept.Add(i);
        }

        int[] order = [.. kept];
        // two stable passes, the less significant key first
        order = CountingSort(order, classAgnostic ? category : image, classAgnostic ? CategoryList.Length : ImageIds.Length);
        return CountingSort(order, classAgnostic ? image : category, classAgnostic ? ImageIds.Length : CategoryList.Length);
    }

    private static int[] CountingSort(int[] order, int[] key, int keys)
    {
        var start = new int[keys + 1];
        foreach (var i in order) start[key[i] + 1]++;
        for (var k = 0; k < keys; k++) start[k + 1] += start[k];
        var sorted = new int[order.Length];
        foreach (var i in order) sorted[start[key[i]]++] = i;
        return sorted;
    }

    private static void FillStarts(Side side, int[] order, int[] category, bool classAgnostic)
    {
        foreach (var i in order) side.Start[(classAgnostic ? 0 : category[i]) + 1]++;
        for (var k = 1; k < side.Start.Length; k++) side.Start[k] += side.Start[k - 1];
    }
}
