using System.Globalization;
using System.Text.RegularExpressions;
using Sightline.Testing;
using Sightline.Training.Data;

namespace Sightline.Training.Tests.Data;

public class DataToolsTests
{
    [Fact]
    public void InspectCounts()
    {
        var summary = DataInspector.Inspect(DataSet.Open(Fixtures.Path("data", "bccd")));
        Assert.Equal((3, 0, 0), (summary.Pictures, summary.MissingPictures, summary.EmptyPictures));
        Assert.Equal("RBC", summary.Classes[0].Label);
        Assert.Equal(summary.Boxes, summary.Classes.Sum(c => c.Boxes));
        Assert.Equal((640, 480, 3), summary.Sizes[0]);
        Assert.Equal([("train", 2), ("val", 1)], summary.Splits.Order());
    }

    [Fact]
    public void ThePageHoldsPicturesBoxesAndNothingFromOutside()
    {
        using var folder = new DataFolder();
        var data = DataSet.Open(Fixtures.Path("data", "bccd"));
        data = data with { Name = "<b>cells</b>", Samples = [.. data.Samples.Select(s => s with { Phrases = [new DataPhrase("a <script>", [s.Objects[0].Box]), new DataPhrase("no such", [])] })] };
        DataInspector.WriteHtml(data, folder["page.html"]);
        var html = File.ReadAllText(folder["page.html"]);
        Assert.Equal(3, html.Split("data:image/jpeg;base64,/9j/").Length - 1);
        Assert.True(html.Split("<rect").Length > 3 * 30);
        Assert.Contains("a &lt;script&gt;", html, StringComparison.Ordinal);
        Assert.Contains("no such (nothing here)", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("http", html.Replace("http://www.w3.org", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void ThePageShowsWhatIsAskedWhatIsRightAndWhatIsNotThere()
    {
        using var folder = new DataFolder();
        folder.WriteBmp("a.bmp", 64, 48, (x, y) => ((byte)x, (byte)y, 9));
        folder.WriteBmp("b.bmp", 64, 48, (x, y) => ((byte)x, (byte)y, 9));
        var data = DataSet.Open(folder.Write("p.jsonl", """
            {"prompt": "Detect <cat>", "pictures": ["a.bmp"], "subject": "cat", "solution": "<answer>(1,2),(3,4)</answer>", "boxes": [{"box": [1, 2, 3, 4], "label": "cat"}], "box_frame": [64, 48], "answer": "It is here"}
            {"prompt": "Detect it, too", "pictures": ["b.bmp"], "subject": "cat", "solution": "No Objects", "boxes": [], "box_frame": [64, 48]}
            """));
        DataInspector.WriteHtml(data, folder["page.html"]);
        var html = File.ReadAllText(folder["page.html"]);
        foreach (var text in new[]
        {
            "<pre>Detect &lt;cat&gt;</pre>", "<b>solution:</b> &lt;answer&gt;(1,2),(3,4)&lt;/answer&gt;</pre>", "<b>answer:</b> It is here</pre>",
            "<p class=none>not here: cat</p>", "<pre class=none><b>solution:</b> No Objects</pre>", "2 problems (1 about what is not there)", "<th>not in (pictures)</th>",
        })
            Assert.Contains(text, html, StringComparison.Ordinal);
        var summary = DataInspector.Inspect(data);
        Assert.Equal((1, 1), (summary.ProblemsWithoutBoxes, Assert.Single(summary.Classes).Absent));
    }

    [Fact]
    public void LabelsInACrowdedPictureKeepOffEachOther()
    {
        using var folder = new DataFolder();
        DataInspector.WriteHtml(DataSet.Open(Fixtures.Path("data", "bccd")), folder["page.html"]);
        foreach (var figure in File.ReadAllText(folder["page.html"]).Split("<figure>").Skip(1))
        {
            var plates = Regex.Matches(figure, "<rect class=\"l\" x=\"([0-9.]+)\" y=\"([0-9.]+)\" width=\"([0-9.]+)\" height=\"([0-9.]+)\"")
                .Select(match => match.Groups.Values.Skip(1).Select(group => double.Parse(group.Value, CultureInfo.InvariantCulture)).ToArray()).ToList();
            Assert.True(plates.Count >= 5);
            for (var i = 0; i < plates.Count; i++)
            {
                Assert.True(plates[i][0] >= 0 && plates[i][1] >= 0 && plates[i][0] + plates[i][2] <= 640 && plates[i][1] + plates[i][3] <= 480);
                for (var j = 0; j < i; j++) Assert.False(Overlap(plates[i], plates[j]), $"{string.Join(' ', plates[i])} over {string.Join(' ', plates[j])}");
            }
        }

        static bool Overlap(double[] a, double[] b) => a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];
    }

    [Fact]
    public void ConvertSaysWhatIsLost()
    {
        using var folder = new DataFolder();
        var coco = DataSet.Open(folder.Write("in.json", DataFolder.Coco));
        var result = DataConverter.Convert(coco, folder["yolo"], DataFormat.Yolo);
        Assert.Equal((2, 3, 0), (result.Samples, result.Objects, result.Phrases));
        Assert.Equal(["crowd marks: 1 not written, YOLO has no place for them", "masks: 3 not written, YOLO has no place for them", "pictures with fields that only COCO has: 1 not written, YOLO has no place for them"], result.Losses);
        Assert.Empty(DataConverter.Convert(coco, folder["same.json"], DataFormat.Coco).Losses);
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => DataConverter.Convert(coco, folder["yolo"], DataFormat.Coco)).Kind);
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => DataConverter.Convert(coco, folder["in.json"], DataFormat.Voc)).Kind);
    }

    [Fact]
    public void VocToYoloToCocoWithPicturesKeepsBoxes()
    {
        using var folder = new DataFolder();
        var voc = DataSet.Open(Fixtures.Path("data", "bccd"));
        DataConverter.Convert(voc, folder["yolo"], DataFormat.Yolo, copyPictures: true);
        var yolo = DataSet.Open(folder["yolo"]);
        Assert.Equal((640, 480), (yolo.Samples[0].Width, yolo.Samples[0].Height)); // read from the copied pictures
        DataConverter.Convert(yolo, folder["coco/all.json"], DataFormat.Coco, copyPictures: true);
        var coco = DataSet.Open(folder["coco/all.json"]);
        Assert.All(coco.Samples, s => Assert.NotNull(coco.ResolvePicture(s)));
        foreach (var (before, after) in voc.Samples.SelectMany(s => s.Objects).Zip(coco.Samples.SelectMany(s => s.Objects)))
        {
            Assert.Equal(before.Label, after.Label);
            Assert.Equal(before.Box.X1, after.Box.X1, 1e-9);
            Assert.Equal(before.Box.Y2, after.Box.Y2, 1e-9);
        }
    }

    [Fact]
    public void ANameThatLeadsOutOfTheFolderIsNotCopied()
    {
        using var folder = new DataFolder();
        folder.WriteBmp("a.bmp", 4, 4, (_, _) => (1, 2, 3));
        var data = new DataSet { Name = "x", Format = DataFormat.Coco, PictureFolder = folder["sub"], Samples = [new DataSample("a", "../a.bmp", 4, 4)] };
        Directory.CreateDirectory(folder["sub"]);
        var error = Assert.Throws<SightlineException>(() => DataConverter.Convert(data, folder["out/x.json"], DataFormat.Coco, copyPictures: true));
        Assert.Equal(ErrorKind.BadData, error.Kind);
    }

    [Fact]
    public void AFailedWriteLeavesTheOldFile()
    {
        using var folder = new DataFolder();
        var path = folder.Write("out.jsonl", "old");
        var data = new DataSet { Name = "x", Format = DataFormat.Coco, Samples = [new DataSample("a", "a.jpg", 0, 0) { Objects = [new("cat", default)] }] };
        Assert.Equal(ErrorKind.BadData, Assert.Throws<SightlineException>(() => DataFormats.Write(data, path, DataFormat.Sightline)).Kind);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(folder.Root));
    }

    [Fact]
    public void SplitsRepeatAndKeepNeighboursTogether()
    {
        var data = new DataSet { Name = "x", Format = DataFormat.Voc, Samples = [.. Enumerable.Range(0, 96).Select(i => new DataSample($"IMG_{i:0000}", $"IMG_{i:0000}.jpg", 4, 4))] };
        var blocks = DataSplit.ByBlocks(data, 12, 4, offset: 3);
        Assert.Equal(24, blocks.Where("val").Samples.Count);
        Assert.All(Enumerable.Range(0, 8), b => Assert.Single(blocks.Samples.Skip(12 * b).Take(12).Select(s => s.Split).Distinct()));

        var fraction = DataSplit.ByFraction(data, 0.25, 7);
        Assert.InRange(fraction.Where("val").Samples.Count, 12, 36);
        Assert.Equal(fraction.Samples.Select(s => s.Split), DataSplit.ByFraction(data, 0.25, 7).Samples.Select(s => s.Split));
        // a sample more moves no other one
        var more = DataSplit.ByFraction(data with { Samples = [new DataSample("IMG_new", "IMG_new.jpg", 4, 4), .. data.Samples] }, 0.25, 7);
        Assert.Equal(fraction.Samples.Select(s => s.Split), more.Samples.Skip(1).Select(s => s.Split));

        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => DataSplit.ByFraction(data, 1.5, 0)).Kind);
    }
}
