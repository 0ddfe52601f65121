using System.Globalization;
using System.Text;
using Sightline.Geometry;
using Sightline.Tensors;
using Sightline.Training.Data;

namespace Sightline.Training.Tests.Data;

/// <summary>A folder for one test, with the small files that the format tests share.</summary>
internal sealed class DataFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("sightline-data").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public string Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], text);
        return this[name];
    }

    /// <summary>A 24-bit BMP: the one format that needs no native library.</summary>
    public string WriteBmp(string name, int width, int height, Func<int, int, (byte R, byte G, byte B)> color)
    {
        var stride = ((width * 3) + 3) / 4 * 4;
        var bytes = new byte[54 + (stride * height)];
        using (var writer = new BinaryWriter(new MemoryStream(bytes)))
        {
            writer.Write("BM"u8);
            writer.Write(bytes.Length);
            writer.Write(0);
            writer.Write(54);
            writer.Write(40);
            writer.Write(width);
            writer.Write(height);
            writer.Write((short)1);
            writer.Write((short)24);
        }

        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var (r, g, b) = color(x, y);
                var at = 54 + ((height - 1 - y) * stride) + (3 * x);
                (bytes[at], bytes[at + 1], bytes[at + 2]) = (b, g, r);
            }
        }

        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Root, true);

    public const string Coco = """
        {"info": {"year": 2017, "description": "t\u00e9st"}, "licenses": [{"id": 4, "name": "BY", "url": "http://x"}],
         "images": [
          {"id": 9, "file_name": "a.jpg", "width": 640, "height": 480, "license": 4, "flickr_url": "http://f/a.jpg"},
          {"id": 3, "file_name": "b.jpg", "width": 333, "height": 500}],
         "annotations": [
          {"id": 71, "image_id": 3, "category_id": 18, "bbox": [1.25, 2.5, 100.33, 47.1], "area": 4000.125, "iscrowd": 0, "segmentation": [[1.5, 2.5, 30, 2.5, 30, 40.25]]},
          {"id": 72, "image_id": 9, "category_id": 1, "bbox": [473.07, 395.93, 38.65, 28.67], "area": 702.1057499999998, "iscrowd": 0, "segmentation": [], "score_hint": {"a": [1, 2]}},
          {"id": 73, "image_id": 9, "category_id": 1, "bbox": [0, 0, 640, 480], "area": 9000, "iscrowd": 1, "segmentation": {"counts": [10, 20, 307170], "size": [480, 640]}}],
         "categories": [{"id": 1, "name": "person", "supercategory": "human", "keypoints": ["nose"]}, {"id": 18, "name": "dog", "supercategory": "animal"}]}
        """;

    public const string Lvis = """
        {"images": [{"id": 1, "coco_url": "http://images.cocodataset.org/val2017/000000397133.jpg", "width": 640, "height": 427, "neg_category_ids": [3], "not_exhaustive_category_ids": [2]}],
         "annotations": [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [10.5, 20.25, 30.1, 40.2], "area": 1000.5, "segmentation": [[10.5, 20.25, 40, 20, 40, 60]]}],
         "categories": [{"id": 2, "name": "aerosol_can", "synset": "aerosol.n.02", "frequency": "c"}, {"id": 3, "name": "air_conditioner", "frequency": "f"}]}
        """;

    public const string Odvg = """
        {"filename": "a.jpg", "height": 480, "width": 640, "detection": {"instances": [{"bbox": [1.5, 2, 30, 40.25], "label": 0, "category": "dog"}, {"bbox": [5, 6, 7, 8], "label": 3, "category": "cat"}]}}
        {"filename": "b.jpg", "height": 100, "width": 200, "note": 7, "grounding": {"caption": "a dog beside two cats", "regions": [{"bbox": [1, 2, 3, 4], "phrase": "a dog"}, {"bbox": [[5, 6, 7, 8], [9, 10, 11, 12]], "phrase": "two cats", "tokens_positive": [[13, 21]]}]}}

        """;

    public const string OwnLines = """
        {"classes": ["cat", "dog"]}
        {"picture": "a.jpg", "width": 640, "height": 480, "split": "val", "frame": "pixels", "objects": [{"label": "dog", "box": [1, 2, 30, 40.5], "id": 7, "crowd": true, "area": 12.5, "segmentation": {"size": [480, 640], "counts": "abc"}}]}
        {"picture": "a.jpg", "width": 640, "height": 480, "split": "val", "phrase": "the dog on the left", "boxes": [[1, 2, 30, 40.5]], "frame": "pixels", "types": ["spatial"]}
        {"picture": "a.jpg", "width": 640, "height": 480, "split": "val", "phrase": "the cat", "boxes": [], "frame": "unit"}
        {"picture": "b.jpg", "phrase": "dogs", "boxes": [[100, 200, 300, 400], [500, 600, 700, 1000]], "frame": "thousandths"}
        {"picture": "c.jpg", "width": 50, "height": 60, "phrase": "a bird", "boxes": [[1, 2, 3, 4]], "frame": [112, 224]}

        """;

    public void WriteFlickr()
    {
        Write("Sentences/1000092795.txt", "[/EN#283585/people Two young guys] with [/EN#283587/bodyparts shaggy hair] hang out in [/EN#283586/scene the yard] .\n[/EN#283585/people/clothing They] and [/EN#0/notvisual them] wait .\n");
        Write("Annotations/1000092795.xml", """
            <annotation><filename>1000092795.jpg</filename><size><width>333</width><height>500</height><depth>3</depth></size>
            <object><name>283585</name><bndbox><xmin>180</xmin><ymin>40</ymin><xmax>269</xmax><ymax>323</ymax></bndbox></object>
            <object><name>283585</name><name>283587</name><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
            <object><name>283586</name><scene>1</scene><nobndbox>0</nobndbox></object></annotation>
            """);
        Write("val.txt", "1000092795\n");
    }

    public void WriteYolo()
    {
        Write("labels/val/a.txt", "1 0.328367 0.581768 0.570172 0.836464\n0 0.5 0.5 0.25 0.125\n");
        Write("labels/val/b.txt", "0 0.1 0.1 0.9 0.1 0.9 0.8 0.1 0.8\n");
        Write("data.yaml", "# cards\npath: ../x\ntrain: images/train\nnames:\n  0: 'queen''s'\n  1: \"king # one\"  # the king\nnc: 2\n");
        WriteBmp("images/val/a.bmp", 64, 48, (x, y) => ((byte)x, (byte)y, 0));
        WriteBmp("images/val/c.bmp", 64, 48, (x, y) => ((byte)y, (byte)x, 0));
    }

    /// <summary>A data set of random content; boxes have up to four decimals, as files have.</summary>
    public static DataSet Random(int seed)
    {
        var random = new RandomStream((ulong)seed);
        string[] classes = ["dog", "traffic light", "naïve \"<&>' cat"];
        var samples = Enumerable.Range(0, random.NextInt(1, 5)).Select(i =>
        {
            var (width, height) = (random.NextInt(20, 2000), random.NextInt(20, 2000));
            var frame = CoordinateFrame.Pixels(width, height);
            Box Draw()
            {
                var (a, b) = (Math.Round(random.NextDouble(0, width * 0.8), random.NextInt(5)), Math.Round(random.NextDouble(0, height * 0.8), random.NextInt(5)));
                return new Box(a, b, Math.Round(random.NextDouble(a + 1, width), random.NextInt(5)), Math.Round(random.NextDouble(b + 1, height), random.NextInt(5)), frame);
            }

            return new DataSample($"picture {i}", $"picture {i}.jpg", width, height)
            {
                Number = i + 1,
                Split = random.NextBool() ? "train" : "val",
                Objects = [.. Enumerable.Range(0, random.NextInt(5)).Select(k => new LabelledBox(random.Choose(classes), Draw()) { Id = (10 * i) + k + 1, Difficult = random.NextInt(4) == 0, Truncated = random.NextInt(4) == 0, Area = 12.5 })],
                Phrases = [.. Enumerable.Range(0, random.NextInt(1, 4)).Select(k => new DataPhrase($"phrase {i} {k} é \"quoted\"", [.. Enumerable.Range(0, random.NextInt(3)).Select(_ => Draw())]) { Id = k == 0 ? null : $"{(100 * i) + k}" })],
            };
        }).ToArray();
        return new DataSet { Name = "random", Format = DataFormat.Sightline, Classes = classes, Samples = samples };
    }

    /// <summary>Everything that Sightline's own format keeps, as text that can be compared.</summary>
    public static string Dump(DataSet data)
    {
        var text = new StringBuilder();
        text.AppendLine(string.Join(',', data.Classes));
        foreach (var s in data.Samples)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{s.Id} {s.PictureFile} {s.Width} {s.Height} {s.Split} {s.Number} {string.Join('/', s.Captions)} {string.Join('/', s.AbsentLabels ?? [])} {string.Join('/', s.IncompleteLabels ?? [])}");
            foreach (var o in s.Objects) text.AppendLine(CultureInfo.InvariantCulture, $"  {o.Label} {Exact(o.Box)} {o.Id} {o.Crowd} {o.Difficult} {o.Truncated} {o.Area} {o.Segmentation?.Replace(" ", "", StringComparison.Ordinal)}");
            foreach (var p in s.Phrases) text.AppendLine(CultureInfo.InvariantCulture, $"  '{p.Text}' {string.Join(' ', p.Boxes.Select(Exact))} {p.Id} {p.Caption} {p.Start} {string.Join('/', p.Types)} {p.IsGrounded}");
        }

        return text.ToString();
    }

    public static string Exact(Box b) => string.Create(CultureInfo.InvariantCulture, $"[{b.X1:R} {b.Y1:R} {b.X2:R} {b.Y2:R} of {b.Frame}]");
}
