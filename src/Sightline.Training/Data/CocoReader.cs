using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// COCO detection JSON (Lin et al., "Microsoft COCO", 2014) and LVIS v1 (Gupta et al., 2019), streamed: images,
/// annotations and categories may come in any order. Boxes are x, y, width, height in pixels.
/// </summary>
internal sealed class CocoReader
{
    private readonly string _path;
    private readonly List<(DataSample Sample, long[]? Absent, long[]? Incomplete)> _images = [];
    private readonly List<(long Image, long Category, LabelledBox Object, double[] Bbox)> _annotations = [];
    private readonly List<(long Image, string Caption)> _captions = [];
    private readonly List<(long Id, string Name)> _categories = [];
    private readonly Dictionary<string, string> _extra = [];

    private CocoReader(string path) => _path = path;

    public static DataSet Read(string path, string? pictures, DataFormat format)
    {
        var reader = new CocoReader(path);
        using (var json = new JsonFileReader(path)) json.ReadObject(name => reader.Member(json, name));
        return reader.Build(pictures ?? FindPictures(path, reader._images.Select(i => i.Sample.PictureFile)), format);
    }

    private void Member(JsonFileReader json, string name)
    {
        switch (name)
        {
            case "images":
                json.ReadArray((e, i) => Image(new JsonEntry(e, _path, $"images[{i}]")));
                break;
            case "annotations":
                json.ReadArray((e, i) => Annotation(new JsonEntry(e, _path, $"annotations[{i}]")));
                break;
            case "categories":
                var categories = json.ReadValue();
                if (categories.ValueKind != JsonValueKind.Array) throw DataFile.Bad(_path, "'categories' is not a list");
                foreach (var (e, i) in categories.EnumerateArray().Select((e, i) => (e, i)))
                {
                    var entry = new JsonEntry(e, _path, $"categories[{i}]");
                    _categories.Add((entry.Integer("id"), entry.Text("name")));
                }

                _extra["categories"] = categories.GetRawText();
                break;
            default:
                _extra[name] = json.ReadValue().GetRawText();
                break;
        }
    }

    private void Image(JsonEntry entry)
    {
        var id = entry.Integer("id");
        // LVIS v1 has no file_name; the end of its address is the file
        var file = entry.OptionalText("file_name") ?? LastSegments(entry.Text("coco_url"));
        var sample = new DataSample(file, file, entry.OptionalSize("width"), entry.OptionalSize("height"))
        {
            Number = id,
            Extra = entry.Rest("id", "file_name", "width", "height", "neg_category_ids", "not_exhaustive_category_ids"),
            Source = entry.Place,
        };
        _images.Add((sample, entry.Has("neg_category_ids") ? entry.Integers("neg_category_ids") : null,
            entry.Has("not_exhaustive_category_ids") ? entry.Integers("not_exhaustive_category_ids") : null));
    }

    private static string LastSegments(string address)
    {
        var parts = address.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return parts.Length >= 2 ? $"{parts[^2]}/{parts[^1]}" : address;
    }

    private void Annotation(JsonEntry entry)
    {
        var image = entry.Integer("image_id");
        if (!entry.Has("bbox") && entry.OptionalText("caption") is { } caption)
        {
            _captions.Add((image, caption));
            return;
        }

        var labelled = new LabelledBox("", default)
        {
            Id = entry.OptionalInteger("id"),
            Crowd = entry.Flag("iscrowd"),
            Area = entry.OptionalNumber("area"),
            Segmentation = entry.Optional("segmentation")?.GetRawText(),
            Extra = entry.Rest("id", "image_id", "category_id", "bbox", "iscrowd", "area", "segmentation"),
        };
        _annotations.Add((image, entry.Integer("category_id"), labelled, entry.Four("bbox")));
    }

    private DataSet Build(string folder, DataFormat format)
    {
        if (_images.Count == 0) throw DataFile.Bad(_path, "no 'images' list, or an empty one: not a COCO data set");
        var names = new Dictionary<long, string>();
        foreach (var (id, name) in _categories)
        {
            if (!names.TryAdd(id, name)) throw DataFile.Bad(_path, $"two categories have the id {id}");
        }

        var perImage = new Dictionary<long, (List<LabelledBox> Boxes, List<string> Captions, CoordinateFrame Frame)>();
        foreach (var (sample, _, _) in _images)
        {
            var frame = sample.Width > 0 && sample.Height > 0 ? CoordinateFrame.Pixels(sample.Width, sample.Height) : default;
            if (!perImage.TryAdd(sample.Number!.Value, ([], [], frame))) throw DataFile.Bad(_path, $"two images have the id {sample.Number}");
        }

        var strays = new List<string>();
        for (var i = 0; i < _annotations.Count; i++)
        {
            var (image, category, labelled, b) = _annotations[i];
            if (!perImage.TryGetValue(image, out var list))
            {
                strays.Add($"annotations[{i}] is about image {image}, which is not in 'images'");
                continue;
            }

            list.Boxes.Add(labelled with { Label = NameOf(names, category), Box = Box.FromXywh(b[0], b[1], b[2], b[3], list.Frame) });
        }

        foreach (var (image, caption) in _captions)
        {
            if (perImage.TryGetValue(image, out var list)) list.Captions.Add(caption);
        }

        return new DataSet
        {
            Name = Path.GetFileNameWithoutExtension(_path),
            Format = format,
            Classes = [.. _categories.Select(c => c.Name)],
            PictureFolder = folder,
            Extra = Join(_extra),
            Strays = strays,
            Samples = [.. _images.Select(i => i.Sample with
            {
                Objects = perImage[i.Sample.Number!.Value].Boxes,
                Captions = perImage[i.Sample.Number!.Value].Captions,
                AbsentLabels = i.Absent?.Select(c => NameOf(names, c)).ToArray(),
                IncompleteLabels = i.Incomplete?.Select(c => NameOf(names, c)).ToArray(),
            })],
        };
    }

    // an id without a category keeps its number as a name, so that lint can show it
    private static string NameOf(Dictionary<long, string> names, long category) => names.GetValueOrDefault(category) ?? $"category {category}";

    private static string? Join(Dictionary<string, string> members) =>
        members.Count == 0 ? null : "{" + string.Join(",", members.Select(m => $"\"{JsonEncodedText.Encode(m.Key)}\":{m.Value}")) + "}";

    private const int MostLookedFor = 64;

    /// <summary>The folder that the picture names of an annotation file are relative to: beside it, above it, or in the usual folders there.</summary>
    public static string FindPictures(string path, IEnumerable<string> names)
    {
        var here = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var above = Path.GetDirectoryName(here) ?? here;
        var all = names.Where(name => name.Length > 0).ToArray();
        var step = Math.Max(1, all.Length / MostLookedFor);
        string[] asked = [.. all.Where((_, i) => i % step == 0).Take(MostLookedFor)];
        var (best, most) = (here, 0);
        var stem = Path.GetFileNameWithoutExtension(path);
        var split = stem[(stem.LastIndexOf('_') + 1)..]; // instances_val2017 -> val2017
        foreach (var root in (ReadOnlySpan<string>)[here, above])
        {
            foreach (var name in (ReadOnlySpan<string>)["", "images", split, Path.Combine("images", split), "JPEGImages", "train2017", "val2017"])
            {
                var folder = Path.Combine(root, name);
                var found = asked.Count(picture => File.Exists(Path.Combine(folder, picture)));
                if (found > most) (best, most) = (folder, found); // one odd name must not decide
                if (most == asked.Length) return best;
            }
        }

        return best;
    }
}
