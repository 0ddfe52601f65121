using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Testing;
using Sightline.Training.Data;

namespace Sightline.Training.Tests.Data;

public class DataLintTests
{
    private static readonly CoordinateFrame Frame = CoordinateFrame.Pixels(640, 480);

    [Fact]
    public void FindsTheEmptyBoxOfTheRealData()
    {
        var data = DataSet.Open(Fixtures.Path("data", "bccd"));
        var findings = DataLint.Check(data, new LintOptions { Pictures = false });
        var finding = Assert.Single(findings, f => f.Rule == LintRule.EmptyBox);
        Assert.Equal("BloodImage_00338", finding.Where);
        Assert.Contains("[504, 337, 504, 337]", finding.Message, StringComparison.Ordinal);
        Assert.Single(findings);
    }

    [Fact]
    public void One_odd_picture_name_does_not_hide_the_folder_of_the_others()
    {
        using var folder = new DataFolder();
        var names = Enumerable.Range(1, 5).Select(i => $"{i}.bmp").ToArray();
        foreach (var name in names) folder.WriteBmp($"images/{name}", 8, 8, (x, y) => ((byte)x, (byte)y, 0));
        folder.WriteBmp("odd.bmp", 8, 8, (x, y) => ((byte)x, (byte)y, 0)); // beside the annotations, which is looked at first
        var images = names.Prepend("odd.bmp").Select((name, i) => $$"""{"id": {{i}}, "file_name": "{{name}}", "width": 8, "height": 8}""");
        var path = folder.Write("boxes.json", $$"""{"images": [{{string.Join(", ", images)}}], "annotations": [], "categories": []}""");
        var data = DataSet.Open(path, DataFormat.Coco);
        Assert.Equal(folder["images"], data.PictureFolder);
        Assert.Equal("odd.bmp", Assert.Single(data.Samples, sample => data.ResolvePicture(sample) is null).PictureFile);
    }

    [Fact]
    public void FindsWrongBoxesClassesAndPhrases()
    {
        var data = Set([new("cat", new Box(600, 10, 660, 40, Frame)), new("dog", new Box(1, 1, 20, 20, Frame)), new("dog", new Box(1, 1, 20, 20, Frame)), new("cow", new Box(5, 5, 9, 9, Frame)), new("cat", new Box(5, double.NaN, 9, 9, Frame))],
            [new("the bird", []), new(" ", [new Box(1, 1, 5, 5, Frame)]), new("the car", [new Box(0, 470, 20, 481, Frame)])]);
        var findings = DataLint.Check(data, new LintOptions { Pictures = false });
        Assert.Equal(
            [LintRule.BoxOutside, LintRule.EmptyBox, LintRule.UnknownClass, LintRule.EmptyPhrase, LintRule.DuplicateBox, LintRule.PhraseWithoutBoxes],
            findings.Select(f => f.Rule));
        Assert.Contains("object 1 ('cat')", findings[0].Message, StringComparison.Ordinal); // the last one reaches out by one pixel only
        Assert.Equal([LintSeverity.Error, LintSeverity.Warning, LintSeverity.Note], findings.Select(f => f.Severity).Distinct());
    }

    [Theory]
    [InlineData("unit in pixels", true)]
    [InlineData("thousandths in pixels", true)]
    [InlineData("pixels in unit", true)]
    [InlineData("corners as sizes", true)]
    [InlineData("sizes as corners", true)]
    [InlineData("right", false)]
    public void JudgesTheFrameByAllNumbers(string what, bool wrong)
    {
        var random = new RandomStream(4);
        var boxes = Enumerable.Range(0, 60).Select(_ =>
        {
            var (w, h) = (random.NextDouble(0.05, 0.5), random.NextDouble(0.05, 0.5));
            var b = Box.FromXywh(random.NextDouble(0, 1 - w), random.NextDouble(0, 1 - h), w, h, CoordinateFrame.Unit);
            var p = b.To(Frame);
            return what switch
            {
                "unit in pixels" => b with { Frame = Frame },
                "thousandths in pixels" => b.To(CoordinateFrame.Thousandths) with { Frame = Frame },
                "pixels in unit" => p with { Frame = CoordinateFrame.Unit },
                "corners as sizes" => Box.FromXywh(p.X1, p.Y1, p.X2, p.Y2, Frame),
                "sizes as corners" => new Box(p.X1, p.Y1, p.Width, p.Height, Frame),
                _ => p,
            };
        });
        var findings = DataLint.Check(Set([.. boxes.Select(b => new LabelledBox("cat", b))], []), new LintOptions { Pictures = false });
        Assert.Equal(wrong, findings.Any(f => f.Rule == LintRule.WrongFrame));
        if (!wrong) Assert.Empty(findings);
    }

    [Fact]
    public void FindsMissingDamagedAndMisstatedPictures()
    {
        using var folder = new DataFolder();
        folder.WriteBmp("a.bmp", 64, 48, Scene(1));
        folder.Write("b.bmp", "BM no picture");
        var data = Pictures(folder, ("a.bmp", "train", 60), ("b.bmp", "train", 64), ("c.bmp", "train", 64));
        Assert.Equal([LintRule.MissingPicture, LintRule.BadPicture, LintRule.WrongSize], DataLint.Check(data).Select(f => f.Rule));
    }

    [Fact]
    public void FindsCopiesNearCopiesAndLeakage()
    {
        using var folder = new DataFolder();
        folder.WriteBmp("a.bmp", 64, 48, Scene(1));
        folder.WriteBmp("copy.bmp", 64, 48, Scene(1));
        folder.WriteBmp("lighter.bmp", 64, 48, Scene(1, 6)); // every level raised: another file, the same picture
        folder.WriteBmp("other.bmp", 64, 48, Scene(2));
        folder.WriteBmp("flat1.bmp", 64, 48, (_, _) => (90, 90, 90));
        folder.WriteBmp("flat2.bmp", 64, 48, (_, _) => (91, 90, 90)); // nothing in it to tell it by: no near-duplicate
        var data = Pictures(folder, ("a.bmp", "train", 64), ("copy.bmp", "train", 64), ("lighter.bmp", "val", 64), ("other.bmp", "val", 64), ("flat1.bmp", "train", 64), ("flat2.bmp", "val", 64));
        var findings = DataLint.Check(data);
        Assert.Equal([(LintRule.Leakage, "lighter"), (LintRule.Leakage, "lighter"), (LintRule.DuplicatePicture, "copy")], findings.Select(f => (f.Rule, f.Where)));
        Assert.Single(DataLint.Check(data, new LintOptions { NearDuplicateBits = 0 }));
    }

    [Fact]
    public void FingerprintSurvivesHalvingAndTellsScenesApart()
    {
        var (a, half, other) = (Paint(128, 96, Scene(1, 0, 2)), Paint(64, 48, Scene(1)), Paint(64, 48, Scene(2)));
        Assert.InRange(PictureFingerprint.Of(a).DistanceTo(PictureFingerprint.Of(half)), 0, 12);
        Assert.InRange(PictureFingerprint.Of(half).DistanceTo(PictureFingerprint.Of(other)), 60, 200);
    }

    private static Func<int, int, (byte, byte, byte)> Scene(int seed, int lift = 0, int scale = 1)
    {
        var random = new RandomStream((ulong)seed);
        var blobs = Enumerable.Range(0, 14).Select(_ => (X: random.NextDouble(0, 64), Y: random.NextDouble(0, 48), R: random.NextDouble(3, 14), V: random.NextDouble(-60, 60))).ToArray();
        return (x, y) =>
        {
            var v = 120 + lift + blobs.Sum(b => b.V * Math.Exp(-(Math.Pow((x / (double)scale) - b.X, 2) + Math.Pow((y / (double)scale) - b.Y, 2)) / (b.R * b.R)));
            var level = (byte)Math.Clamp(v, 0, 255);
            return (level, level, level);
        };
    }

    private static Picture Paint(int width, int height, Func<int, int, (byte R, byte G, byte B)> color)
    {
        var rgb = new byte[width * height * 3];
        for (var i = 0; i < width * height; i++) (rgb[3 * i], rgb[(3 * i) + 1], rgb[(3 * i) + 2]) = color(i % width, i / width);
        return new Picture(width, height, rgb);
    }

    private static DataSet Set(IReadOnlyList<LabelledBox> objects, IReadOnlyList<DataPhrase> phrases) => new()
    {
        Name = "test",
        Format = DataFormat.Sightline,
        Classes = ["cat", "dog"],
        Samples = [new DataSample("a", "a.jpg", 640, 480) { Objects = objects, Phrases = phrases }],
    };

    private static DataSet Pictures(DataFolder folder, params (string File, string Split, int Width)[] pictures) => new()
    {
        Name = "test",
        Format = DataFormat.Sightline,
        PictureFolder = folder.Root,
        Samples = [.. pictures.Select(p => new DataSample(Path.GetFileNameWithoutExtension(p.File), p.File, p.Width, 48) { Split = p.Split })],
    };
}
