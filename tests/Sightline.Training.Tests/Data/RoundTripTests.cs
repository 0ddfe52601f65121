using System.Text.Json.Nodes;
using System.Xml.Linq;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Geometry;
using Sightline.Testing;
using Sightline.Training.Data;

namespace Sightline.Training.Tests.Data;

/// <summary>
/// What was read is written back as it was. Known and stated exceptions: COCO, LVIS and RefCOCO entries come grouped by
/// picture; a COCO annotation without iscrowd or id gets them; VOC elements come in another order.
/// </summary>
public class RoundTripTests
{
    [Theory]
    [InlineData(DataFormat.Coco, DataFolder.Coco)]
    [InlineData(DataFormat.Lvis, DataFolder.Lvis)]
    public void CocoAndLvisGoBackMemberByMember(DataFormat format, string json)
    {
        using var folder = new DataFolder();
        var data = DataSet.Open(folder.Write("in.json", json));
        Assert.Equal(format, data.Format);
        DataFormats.Write(data, folder["out.json"], format);
        var (before, after) = (JsonNode.Parse(json)!, JsonNode.Parse(File.ReadAllText(folder["out.json"]))!);
        Assert.True(JsonNode.DeepEquals(Sorted(before), Sorted(after)), after.ToJsonString());
    }

    [Fact]
    public void RefCocoGoesBackEntryByEntry()
    {
        using var folder = new DataFolder();
        var path = Fixtures.Path("data", "refcocos_text.json");
        var data = DataSet.Open(path);
        Assert.Equal(DataFormat.RefCoco, data.Format);
        Assert.Equal(13, data.Samples.Sum(s => s.Phrases.Count));
        Assert.Equal(4, data.Samples.Sum(s => s.Phrases.Count(p => p.Boxes.Count == 0)));
        DataFormats.Write(data, folder["out.json"], DataFormat.RefCoco);
        var (before, after) = (Entries(path), Entries(folder["out.json"]));
        Assert.Equal(before.Count, after.Count);
        foreach (var entry in before)
        {
            var found = after.FindIndex(e => JsonNode.DeepEquals(e, entry));
            Assert.True(found >= 0, entry!.ToJsonString());
            after.RemoveAt(found);
        }

        static List<JsonNode?> Entries(string file) => [.. JsonNode.Parse(File.ReadAllText(file))!.AsArray()];
    }

    [Fact]
    public void VocGoesBackElementByElement()
    {
        using var folder = new DataFolder();
        var data = DataSet.Open(Fixtures.Path("data", "bccd"));
        DataFormats.Write(data, folder["out"], DataFormat.Voc);
        foreach (var file in Directory.GetFiles(Fixtures.Path("data", "bccd", "Annotations")))
            Assert.Equal(Leaves(file), Leaves(Path.Combine(folder["out"], "Annotations", Path.GetFileName(file))));
        var again = DataSet.Open(folder["out"]);
        Assert.Equal(data.Samples.Select(s => s.Split), again.Samples.Select(s => s.Split));
        Assert.Equal(["train=2", "val=1"], again.Splits.Select(s => $"{s}={again.Where(s).Samples.Count}"));

        // each leaf with its path, objects kept apart by their number
        static string[] Leaves(string file)
        {
            var root = XDocument.Load(file).Root!;
            var objects = root.Elements("object").ToList();
            return [.. root.Descendants().Where(e => !e.HasElements).Select(e => string.Join('/', e.AncestorsAndSelf().Reverse().Select(a => a.Name.LocalName + (a.Name == "object" ? objects.IndexOf(a) : ""))) + "=" + e.Value.Trim()).Order(StringComparer.Ordinal)];
        }
    }

    [Fact]
    public void YoloGoesBackLineByLine()
    {
        using var folder = new DataFolder();
        var data = DataSet.Open(Fixtures.Path("data", "coco-cc"));
        Assert.Equal(DataFormat.Yolo, data.Format);
        Assert.Equal(80, data.Classes.Count);
        DataFormats.Write(data, folder["out"], DataFormat.Yolo);
        foreach (var file in Directory.GetFiles(Fixtures.Path("data", "coco-cc", "labels")))
        {
            var (before, after) = (Numbers(file), Numbers(Path.Combine(folder["out"], "labels", Path.GetFileName(file))));
            Assert.Equal(before.Length, after.Length);
            for (var i = 0; i < before.Length; i++) Assert.Equal(before[i], after[i], 1e-12);
        }

        Assert.Equal(data.Classes, DataSet.Open(folder["out"]).Classes);

        static double[] Numbers(string file) => [.. File.ReadAllText(file).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(w => double.Parse(w, System.Globalization.CultureInfo.InvariantCulture))];
    }

    [Fact]
    public void YoloFolderWithSplitsPolygonsAndYaml()
    {
        using var folder = new DataFolder();
        folder.WriteYolo();
        var data = DataSet.Open(folder.Root);
        Assert.Equal(["queen's", "king # one"], data.Classes);
        Assert.Equal(["val/a", "val/b", "val/c"], data.Samples.Select(s => s.Id));
        Assert.Equal((64, 48, "val"), (data.Samples[0].Width, data.Samples[0].Height, data.Samples[0].Split));
        Assert.Equal("king # one", data.Samples[0].Objects[0].Label);
        Assert.Equal(CoordinateFrame.Unit, data.Samples[0].Objects[0].Box.Frame);
        Assert.Equal(new Box(0.1, 0.1, 0.9, 0.8, CoordinateFrame.Unit), data.Samples[1].Objects[0].Box);
        Assert.Empty(data.Samples[2].Objects); // a picture without a label file
        DataFormats.Write(data, folder["out"], DataFormat.Yolo);
        Assert.Equal(File.ReadAllText(folder["labels/val/b.txt"]), File.ReadAllText(folder["out/labels/val/b.txt"]));
        Assert.Equal(data.Classes, DataSet.Open(folder["out"]).Classes);
    }

    [Theory]
    [InlineData("names: [a, 'b, c', \"d\"]", "a|b, c|d")]
    [InlineData("names:\n- a\n- b", "a|b")]
    [InlineData("names: {0: a, 2: c}", "a|class 1|c")]
    [InlineData("nc: 2", "")]
    public void YamlNames(string yaml, string names)
    {
        using var folder = new DataFolder();
        Assert.Equal(names, string.Join('|', YoloYaml.ReadNames(folder.Write("data.yaml", yaml))));
    }

    [Fact]
    public void FlickrGoesBackBracketByBracket()
    {
        using var folder = new DataFolder();
        folder.WriteFlickr();
        var data = DataSet.Open(folder.Root);
        Assert.Equal(DataFormat.Flickr30k, data.Format);
        var sample = Assert.Single(data.Samples);
        Assert.Equal("val", sample.Split);
        Assert.Equal("Two young guys with shaggy hair hang out in the yard .", sample.Captions[0]);
        Assert.Equal([2, 1, 0, 2, 0], sample.Phrases.Select(p => p.Boxes.Count));
        Assert.Equal([true, true, false, true, false], sample.Phrases.Select(p => p.IsGrounded));
        Assert.All(sample.Phrases, p => Assert.Equal(p.Text, sample.Captions[p.Caption!.Value].Substring(p.Start!.Value, p.Text.Length)));
        DataFormats.Write(data, folder["out"], DataFormat.Flickr30k);
        Assert.Equal(File.ReadAllText(folder["Sentences/1000092795.txt"]), File.ReadAllText(folder["out/Sentences/1000092795.txt"]));
        var again = DataSet.Open(folder["out"]);
        Assert.Equal(DataFolder.Dump(data), DataFolder.Dump(again));
        Assert.Equal(sample.Extra, again.Samples[0].Extra);
    }

    [Fact]
    public void OdvgGoesBackLineByLine()
    {
        using var folder = new DataFolder();
        var data = DataSet.Open(folder.Write("in.jsonl", DataFolder.Odvg));
        Assert.Equal(DataFormat.Odvg, data.Format);
        Assert.Equal(2, data.Samples[1].Phrases[1].Boxes.Count);
        DataFormats.Write(data, folder["out.jsonl"], DataFormat.Odvg);
        var (before, after) = (DataFolder.Odvg.Trim().Split('\n'), File.ReadAllText(folder["out.jsonl"]).Trim().Split('\n'));
        // label numbers are counted anew where the file leaves gaps; names are what counts
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(before[0].Replace("\"label\": 3", "\"label\": 1", StringComparison.Ordinal)), JsonNode.Parse(after[0])), after[0]);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(before[1]), JsonNode.Parse(after[1])), after[1]);
    }

    [Fact]
    public void OwnLinesKeepEveryFrame()
    {
        using var folder = new DataFolder();
        var data = DataSet.Open(folder.Write("in.jsonl", DataFolder.OwnLines));
        Assert.Equal(DataFormat.Sightline, data.Format);
        Assert.Equal(["pixels of 640x480", "0..1000", "pixels of 112x224"], data.Samples.Select(s => s.Phrases[0].Boxes[0].Frame.ToString()));
        DataFormats.Write(data, folder["out.jsonl"], DataFormat.Sightline);
        Assert.Equal(DataFolder.Dump(data), DataFolder.Dump(DataSet.Open(folder["out.jsonl"])));
    }

    [Fact]
    public void TheLinesOfTheGuideCanBeRead()
    {
        using var folder = new DataFolder();
        var guide = File.ReadAllText(Path.Combine(Fixtures.Root, "docs", "guide", "formats.md"));
        var lines = guide.Split("```json\n")[1].Split("```")[0];
        var data = DataSet.Open(folder.Write("guide.jsonl", lines));
        var sample = Assert.Single(data.Samples);
        Assert.Equal((1, 2, "train"), (sample.Objects.Count, sample.Phrases.Count, sample.Split));
        Assert.DoesNotContain(DataLint.Check(data, new LintOptions { Pictures = false }), f => f.Severity > LintSeverity.Note);
    }

    [Fact]
    public void RandomDataSetsSurviveEveryFormat() =>
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            using var folder = new DataFolder();
            var data = DataFolder.Random(seed);
            Assert.Equal(DataFolder.Dump(data), DataFolder.Dump(Through(folder, data, "own.jsonl", DataFormat.Sightline)));
            foreach (var (name, format) in new[] { ("coco.json", DataFormat.Coco), ("lvis.json", DataFormat.Lvis), ("voc", DataFormat.Voc), ("yolo", DataFormat.Yolo), ("odvg.jsonl", DataFormat.Odvg) })
            {
                var again = Through(folder, data, name, format);
                var read = again.Samples.ToDictionary(s => Path.GetFileNameWithoutExtension(s.PictureFile));
                foreach (var sample in data.Samples)
                {
                    var pairs = sample.Objects.Zip(read[Path.GetFileNameWithoutExtension(sample.PictureFile)].Objects).ToArray();
                    Assert.Equal(sample.Objects.Count, pairs.Length);
                    Assert.All(pairs, p => Assert.Equal(p.First.Label, p.Second.Label));
                    Assert.All(pairs, p => AssertSameBox(p.First.Box, p.Second.Box, exact: format is DataFormat.Voc or DataFormat.Odvg));
                    if (format == DataFormat.Voc) Assert.All(pairs, p => Assert.Equal((p.First.Difficult, p.First.Truncated), (p.Second.Difficult, p.Second.Truncated)));
                }
            }

            foreach (var (name, format) in new[] { ("ref.json", DataFormat.RefCoco), ("flickr", DataFormat.Flickr30k), ("phrases.jsonl", DataFormat.Odvg) })
            {
                var again = Through(folder, data, name, format);
                Assert.Equal(
                    data.Samples.SelectMany(s => s.Phrases).Where(p => format != DataFormat.Odvg || p.Boxes.Count > 0).Select(p => p.Text + string.Join(' ', p.Boxes.Select(DataFolder.Exact).Order(StringComparer.Ordinal))).Order(StringComparer.Ordinal),
                    again.Samples.SelectMany(s => s.Phrases).Select(p => p.Text + string.Join(' ', p.Boxes.Select(DataFolder.Exact).Order(StringComparer.Ordinal))).Order(StringComparer.Ordinal));
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(40));

    [Fact]
    public void LargeEntriesAndFilesAreStreamed()
    {
        using var folder = new DataFolder();
        var polygon = string.Join(',', Enumerable.Range(0, 60_000).Select(i => i % 640));
        var annotations = string.Join(",\n", Enumerable.Range(0, 500).Select(i => $$"""{"id":{{i}},"image_id":1,"category_id":1,"bbox":[1,2,3,4],"segmentation":[[{{(i == 250 ? polygon : "1,2,3,4,5,6")}}]]}"""));
        var data = DataSet.Open(folder.Write("in.json", "\uFEFF{\"annotations\":[" + annotations + "],\"images\":[{\"id\":1,\"file_name\":\"a.jpg\",\"width\":5,\"height\":6}],\"categories\":[{\"id\":1,\"name\":\"x\"}]}"));
        Assert.Equal(500, data.Samples[0].Objects.Count);
        Assert.Equal(polygon.Length + 4, data.Samples[0].Objects[250].Segmentation!.Length);
    }

    // corners written as sizes (COCO) or as shares of the side (YOLO) may miss by their last bit: 2000 pixels have 2.3e-13
    private static void AssertSameBox(Box wanted, Box found, bool exact)
    {
        var w = wanted.To(found.Frame);
        if (exact) Assert.Equal(wanted, found);
        else Assert.Equal([w.X1, w.Y1, w.X2, w.Y2], new[] { found.X1, found.Y1, found.X2, found.Y2 }, (a, b) => Math.Abs(a - b) < 1e-12);
    }

    private static DataSet Through(DataFolder folder, DataSet data, string name, DataFormat format)
    {
        DataFormats.Write(data, folder[name], format);
        return DataSet.Open(folder[name], format);
    }

    private static JsonNode Sorted(JsonNode root)
    {
        var copy = root.DeepClone();
        copy["annotations"] = new JsonArray([.. copy["annotations"]!.AsArray().OrderBy(a => (int)a!["id"]!).Select(a => a!.DeepClone())]);
        return copy;
    }
}
