using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Evaluation;

/// <summary>The ground truth of a COCO or LVIS evaluation: pictures, classes and annotations, in the order of the file.</summary>
public sealed class CocoGroundTruth
{
    /// <summary>From objects already in memory.</summary>
    /// <exception cref="SightlineException">BadData: two pictures, classes or annotations share a number.</exception>
    public CocoGroundTruth(IReadOnlyList<CocoImage> images, IReadOnlyList<CocoCategory> categories, IReadOnlyList<CocoAnnotation> annotations, string name = "ground truth")
    {
        (Images, Categories, Annotations, Name) = (images, categories, annotations, name);
        RequireUnique(images, i => i.Id, "images", name);
        RequireUnique(categories, c => c.Id, "categories", name);
        RequireUnique(annotations, a => a.Id, "annotations", name);
    }

    public IReadOnlyList<CocoImage> Images { get; }

    public IReadOnlyList<CocoCategory> Categories { get; }

    public IReadOnlyList<CocoAnnotation> Annotations { get; }

    /// <summary>The file, for messages.</summary>
    public string Name { get; }

    /// <summary>Whether only those classes were looked for in a picture that are in it or listed as absent, as in LVIS: others then count neither way.</summary>
    public bool IsFederated { get; init; }

    /// <summary>Reads an annotation file.</summary>
    /// <param name="path">instances_*.json of COCO, lvis_v1_*.json of LVIS, or the like.</param>
    /// <param name="masks">Whether to read segmentations; box metrics need none.</param>
    /// <exception cref="SightlineException">NotFound or BadData; the message names file, list and entry.</exception>
    public static CocoGroundTruth Load(string path, bool masks = false) => Parse(AnnotationJson.ReadFile(path), masks, path);

    /// <summary>Reads an annotation file from memory.</summary>
    /// <exception cref="SightlineException">BadData; the message names list and entry.</exception>
    public static CocoGroundTruth Parse(ReadOnlySpan<byte> utf8, bool masks = false, string name = "ground truth")
    {
        var json = new AnnotationJson(utf8, name);
        List<CocoImage>? images = null;
        List<CocoCategory>? categories = null;
        List<CocoAnnotation>? annotations = null;
        var polygons = new List<(int Annotation, List<double[]> Polygons)>();
        json.Next();
        if (json.Token != JsonTokenType.StartObject)
            throw json.Bad($"an object with images, categories and annotations is expected, found {json.Describe()}");
        while (json.NextMember(out var member))
        {
            if (member.SequenceEqual("images"u8)) images = ReadImages(ref json);
            else if (member.SequenceEqual("categories"u8)) categories = ReadCategories(ref json);
            else if (member.SequenceEqual("annotations"u8)) annotations = ReadAnnotations(ref json, masks, polygons);
            else json.Skip();
        }

        json.End();
        if (images is null || categories is null || annotations is null)
            throw json.Bad($"there is no list of {(images is null ? "images" : categories is null ? "categories" : "annotations")}");
        FillPolygons(images, annotations, polygons, name);
        return new CocoGroundTruth(images, categories, annotations, name);
    }

    private static List<CocoImage> ReadImages(ref AnnotationJson json)
    {
        var images = new List<CocoImage>();
        json.BeginList("images");
        while (json.NextEntry())
        {
            long? id = null;
            var (width, height, file) = (0, 0, "");
            int[] negative = [], notExhaustive = [];
            while (json.NextMember(out var member))
            {
                if (member.SequenceEqual("id"u8)) id = json.Integer("id");
                else if (member.SequenceEqual("width"u8)) width = json.SmallInteger("width");
                else if (member.SequenceEqual("height"u8)) height = json.SmallInteger("height");
                else if (member.SequenceEqual("file_name"u8)) file = json.Text("file_name");
                else if (member.SequenceEqual("neg_category_ids"u8)) negative = json.Integers("neg_category_ids");
                else if (member.SequenceEqual("not_exhaustive_category_ids"u8)) notExhaustive = json.Integers("not_exhaustive_category_ids");
                else json.Skip();
            }

            images.Add(new CocoImage(id ?? throw json.Bad("'id' is missing"), width, height, file) { NegativeCategoryIds = negative, NotExhaustiveCategoryIds = notExhaustive });
        }

        return images;
    }

    private static List<CocoCategory> ReadCategories(ref AnnotationJson json)
    {
        var categories = new List<CocoCategory>();
        json.BeginList("categories");
        while (json.NextEntry())
        {
            int? id = null;
            var (name, frequency) = ("", '\0');
            while (json.NextMember(out var member))
            {
                if (member.SequenceEqual("id"u8)) id = json.SmallInteger("id");
                else if (member.SequenceEqual("name"u8)) name = json.Text("name");
                else if (member.SequenceEqual("frequency"u8)) frequency = json.Text("frequency") is [var f] ? f : throw json.Bad("'frequency' must be r, c or f");
                else json.Skip();
            }

            categories.Add(new CocoCategory(id ?? throw json.Bad("'id' is missing"), name, frequency));
        }

        return categories;
    }

    private static List<CocoAnnotation> ReadAnnotations(ref AnnotationJson json, bool masks, List<(int, List<double[]>)> polygons)
    {
        var annotations = new List<CocoAnnotation>();
        Span<double> box = stackalloc double[4];
        json.BeginList("annotations");
        while (json.NextEntry())
        {
            long? id = null, image = null;
            int? category = null;
            double? area = null;
            var (hasBox, crowd, ignored) = (false, false, false);
            Segmentation segmentation = default;
            while (json.NextMember(out var member))
            {
                if (member.SequenceEqual("id"u8)) id = json.Integer("id");
                else if (member.SequenceEqual("image_id"u8)) image = json.Integer("image_id");
                else if (member.SequenceEqual("category_id"u8)) category = json.SmallInteger("category_id");
                else if (member.SequenceEqual("area"u8)) area = json.Number("area");
                else if (member.SequenceEqual("iscrowd"u8)) crowd = json.Flag("iscrowd");
                else if (member.SequenceEqual("ignore"u8)) ignored = json.Flag("ignore");
                else if (masks && member.SequenceEqual("segmentation"u8)) segmentation = json.Segmentation();
                else if (member.SequenceEqual("bbox"u8))
                {
                    json.Box(box);
                    hasBox = true;
                }
                else json.Skip();
            }

            if (!hasBox) throw json.Bad("'bbox' is missing");
            var annotation = new CocoAnnotation(id ?? throw json.Bad("'id' is missing"), image ?? throw json.Bad("'image_id' is missing"), category ?? throw json.Bad("'category_id' is missing"), box[0], box[1], box[2], box[3]);
            if (segmentation.Polygons is { } outline) polygons.Add((annotations.Count, outline));
            annotations.Add(annotation with { Area = area ?? annotation.Area, IsCrowd = crowd, IsIgnored = ignored, Mask = segmentation.Runs });
        }

        return annotations;
    }

    // Polygons need the size of their picture, which may stand later in the file.
    private static void FillPolygons(List<CocoImage> images, List<CocoAnnotation> annotations, List<(int Annotation, List<double[]> Polygons)> polygons, string name)
    {
        if (polygons.Count == 0) return;
        var sizes = new Dictionary<long, CocoImage>(images.Count);
        foreach (var image in images) sizes.TryAdd(image.Id, image);
        foreach (var (index, outline) in polygons)
        {
            var annotation = annotations[index];
            if (!sizes.TryGetValue(annotation.ImageId, out var image)) continue; // an annotation of no picture is never scored
            if (image.Width <= 0 || image.Height <= 0)
                throw new SightlineException(ErrorKind.BadData, $"{name}: annotations[{index}]: its polygons need the width and height of image {image.Id}, which the file does not give");
            try
            {
                annotations[index] = annotation with { Mask = RunLengthMask.FromPolygons(outline, image.Height, image.Width) };
            }
            catch (SightlineException e)
            {
                throw new SightlineException(ErrorKind.BadData, $"{name}: annotations[{index}]: {e.Message}", e);
            }
        }
    }

    private static void RequireUnique<T>(IReadOnlyList<T> entries, Func<T, long> id, string list, string name)
    {
        var seen = new HashSet<long>(entries.Count);
        for (var i = 0; i < entries.Count; i++)
        {
            if (!seen.Add(id(entries[i]))) throw new SightlineException(ErrorKind.BadData, $"{name}: {list}[{i}]: the id {id(entries[i])} is used twice");
        }
    }
}
