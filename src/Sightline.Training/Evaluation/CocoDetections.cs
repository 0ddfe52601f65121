using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>Reads COCO results files: a list of image_id, category_id, bbox (or segmentation) and score.</summary>
public static class CocoDetections
{
    /// <summary>Reads a results file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="masks">Whether to read segmentations; box metrics need none where the entries have boxes.</param>
    /// <exception cref="SightlineException">NotFound or BadData; the message names file and entry.</exception>
    public static IReadOnlyList<CocoDetection> Load(string path, bool masks = false) => Parse(AnnotationJson.ReadFile(path), masks, path);

    /// <summary>One sentence when detections and ground truth number their classes differently, which makes every score meaningless; null when nothing speaks for it.</summary>
    public static string? NumberingProblem(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections)
    {
        ArgumentNullException.ThrowIfNull(truth);
        ArgumentNullException.ThrowIfNull(detections);
        var names = truth.Categories.GroupBy(category => category.Id).ToDictionary(group => group.Key, group => group.First().Name);
        var (unknown, otherwise) = (0, 0);
        string? example = null;
        foreach (var detection in detections)
        {
            if (!names.TryGetValue(detection.CategoryId, out var name)) unknown++;
            else if (detection.Category is { } said && said != name)
            {
                otherwise++;
                example ??= $"class {detection.CategoryId} is '{said}' in the detections and '{name}' in the ground truth";
            }
        }

        if (otherwise > 0) return $"{otherwise} of {detections.Count} detections number their classes differently: {example}";
        return unknown > 0 ? $"{unknown} of {detections.Count} detections are of class numbers that the ground truth does not have, and count for nothing" : null;
    }

    /// <summary>
    /// The detections with the class numbers of the ground truth: where they name their classes (<c>category_name</c>) and number them otherwise, the names decide.
    /// Detections without names are taken as they are.
    /// </summary>
    /// <param name="truth">The ground truth.</param>
    /// <param name="detections">As read.</param>
    /// <param name="name">The detections, for messages.</param>
    /// <returns>The detections, and how many classes have another number now.</returns>
    /// <exception cref="SightlineException">BadData: a class is named that the ground truth has not, or two of its classes have one name, or only some detections name theirs.</exception>
    public static (IReadOnlyList<CocoDetection> Detections, int Renumbered) ByName(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, string name)
    {
        ArgumentNullException.ThrowIfNull(truth);
        ArgumentNullException.ThrowIfNull(detections);
        var own = truth.Categories.ToDictionary(category => category.Id, category => category.Name);
        if (!detections.Any(found => found.Category is { } said && (!own.TryGetValue(found.CategoryId, out var there) || there != said))) return (detections, 0);
        var bare = detections.Where(found => found.Category is null).Select(found => found.CategoryId).Distinct().ToList();
        if (bare.Count > 0)
            throw new SightlineException(ErrorKind.BadData, $"{name}: some detections name their class, and number it otherwise than {truth.Name}, and some do not (class {bare[0]}): write the names (category_name) of all or of none");
        var numbers = truth.Categories.ToLookup(category => category.Name, category => category.Id, StringComparer.Ordinal);
        var moved = new Dictionary<(string, int), int>();
        foreach (var found in detections)
        {
            if (moved.ContainsKey((found.Category!, found.CategoryId))) continue;
            moved[(found.Category!, found.CategoryId)] = numbers[found.Category!].ToArray() switch
            {
                [var only] => only,
                [] => throw new SightlineException(ErrorKind.BadData, $"{name}: the class '{found.Category}' ({found.CategoryId}) is none of {truth.Name}, which has {string.Join(", ", truth.Categories.Select(category => category.Name).Take(10))}{(truth.Categories.Count > 10 ? ", ..." : "")}: give detections of the same classes"),
                _ => throw new SightlineException(ErrorKind.BadData, $"{name}: {truth.Name} has several classes called '{found.Category}', so that names cannot say which number is meant"),
            };
        }

        return ([.. detections.Select(found => found with { CategoryId = moved[(found.Category!, found.CategoryId)] })], moved.Count(pair => pair.Key.Item2 != pair.Value));
    }

    /// <summary>Reads a results file from memory.</summary>
    /// <exception cref="SightlineException">BadData; the message names the entry.</exception>
    public static IReadOnlyList<CocoDetection> Parse(ReadOnlySpan<byte> utf8, bool masks = false, string name = "detections")
    {
        var json = new AnnotationJson(utf8, name);
        var detections = new List<CocoDetection>();
        json.Next();
        if (json.Token != JsonTokenType.StartArray) throw json.Bad($"a list of detections is expected, found {json.Describe()}");
        json.BeginList("detections");
        // pycocotools looks at the first entry only: with a box there, every area is the box's, else the mask's
        bool? areasOfBoxes = null;
        while (json.NextEntry())
        {
            var detection = ReadEntry(ref json, masks, areasOfBoxes, out var hasBox);
            areasOfBoxes ??= hasBox;
            detections.Add(detection);
        }

        json.End();
        return detections;
    }

    private static CocoDetection ReadEntry(ref AnnotationJson json, bool masks, bool? areasOfBoxes, out bool hasBox)
    {
        Span<double> box = stackalloc double[4];
        long? image = null;
        int? category = null;
        double? score = null;
        string? name = null;
        hasBox = false;
        Segmentation? segmentation = null;
        while (json.NextMember(out var member))
        {
            if (member.SequenceEqual("image_id"u8)) image = json.Integer("image_id");
            else if (member.SequenceEqual("category_id"u8)) category = json.SmallInteger("category_id");
            else if (member.SequenceEqual("score"u8)) score = json.Number("score");
            else if (member.SequenceEqual("category_name"u8)) name = json.Text("category_name");
            else if (member.SequenceEqual("bbox"u8))
            {
                json.Box(box);
                hasBox = true;
            }
            else if (member.SequenceEqual("segmentation"u8))
            {
                if (masks || areasOfBoxes == false || !hasBox) segmentation = json.Segmentation();
                else json.Skip();
            }
            else json.Skip();
        }

        var mask = segmentation?.Runs;
        if (!hasBox && segmentation is null) throw json.Bad("'bbox' or 'segmentation' is missing");
        if (segmentation is not null && mask is null && (masks || !hasBox))
            throw json.Bad("a detection's 'segmentation' must be run lengths (size and counts), not polygons");
        if (!hasBox) (box[0], box[1], box[2], box[3]) = mask!.BoundsXywh();
        var detection = new CocoDetection(image ?? throw json.Bad("'image_id' is missing"), category ?? throw json.Bad("'category_id' is missing"), box[0], box[1], box[2], box[3], score ?? throw json.Bad("'score' is missing"));
        var areaOfBox = areasOfBoxes ?? hasBox;
        return detection with { Area = areaOfBox ? detection.Area : mask?.Area ?? detection.Area, Mask = masks ? mask : null, Category = name };
    }
}
