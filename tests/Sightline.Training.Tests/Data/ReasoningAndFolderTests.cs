using Sightline.Geometry;
using Sightline.Training.Data;

namespace Sightline.Training.Tests.Data;

/// <summary>LISA's annotations, folders named as classes, and few-shot draws.</summary>
public class ReasoningAndFolderTests
{
    [Fact]
    public void LisaPolygonsBecomeOneMaskWithItsBox()
    {
        using var folder = new DataFolder();
        folder.WriteBmp("1.bmp", 20, 10, (_, _) => (0, 0, 0));
        folder.WriteBmp("2.bmp", 20, 10, (_, _) => (0, 0, 0));
        // two targets, an ignored strip over the larger one, and a mark of the annotators
        folder.Write("1.json", """
            {"text": ["the thing that holds water", "the cup"], "is_sentence": true, "shapes": [
              {"label": "target", "points": [[0, 0], [8, 0], [8, 8], [0, 8]]}, {"label": "target", "points": [[12, 2], [14, 2], [14, 4], [12, 4]]},
              {"label": "ignore", "points": [[0, 0], [2, 0], [2, 8], [0, 8]]}, {"label": "flag", "points": [[0, 0], [20, 0], [20, 10]]}]}
            """);
        folder.Write("2.json", """{"text": "nothing at all", "is_sentence": false, "shapes": []}""");
        Assert.Equal(DataFormat.Lisa, DataFormats.Detect(folder.Root));
        var data = DataSet.Open(folder.Root);
        var phrase = data.Samples[0].Phrases[1];
        Assert.Equal(("the cup", "sentence", 2), (phrase.Text, phrase.Types[0], data.Samples[0].Phrases.Count));
        var mask = CocoMask.Read(phrase.Segmentation!, 20, 10, "here");
        Assert.Equal(((8 - 2) * 8) + 4, mask.Area);
        Assert.Equal(16, CocoMask.Read(phrase.IgnoredSegmentation!, 20, 10, "here").Area);
        Assert.Equal(Box.FromXywh(2, 0, 12, 8, CoordinateFrame.Pixels(20, 10)), Assert.Single(phrase.Boxes));
        Assert.Equal((0, true, "phrase"), (data.Samples[1].Phrases[0].Boxes.Count, data.Samples[1].Phrases[0].IsGrounded, data.Samples[1].Phrases[0].Types[0]));
        // Sightline's lines keep both masks
        DataFormats.Write(data, folder["out.jsonl"], DataFormat.Sightline);
        var again = DataSet.Open(folder["out.jsonl"]).Samples[0].Phrases[1];
        Assert.Equal(mask.Counts.ToArray(), CocoMask.Read(again.Segmentation!, 20, 10, "here").Counts.ToArray());
        Assert.NotNull(again.IgnoredSegmentation);
    }

    [Fact]
    public void LisaFilesOfWindowsAreRead()
    {
        using var folder = new DataFolder();
        folder.WriteBmp("1.bmp", 4, 4, (_, _) => (0, 0, 0));
        File.WriteAllBytes(folder["1.json"], [.. "{\"text\": [\"the man"u8, 0x92, .. "s caf"u8, 0xE9, .. "\"], \"is_sentence\": true, \"shapes\": []}"u8]);
        Assert.Equal("the man\u2019s caf\u00e9", DataSet.Open(folder.Root).Samples[0].Phrases[0].Text);
    }

    [Theory]
    [InlineData("{\"text\": [], \"shapes\": []}", "'text' is empty")]
    [InlineData("{\"text\": [\"a\"], \"shapes\": [{\"label\": \"target\", \"points\": [[1, 2], [3, 4]]}]}", "shapes[0]: 'points' has 2 points")]
    [InlineData("{\"text\": [\"a\"], \"shapes\": [{\"label\": \"target\", \"points\": [[1, 2], [3, 4], [1e30, 5]]}]}", "not two numbers of pixels")]
    public void LisaErrorsNameTheShape(string json, string expected)
    {
        using var folder = new DataFolder();
        folder.WriteBmp("1.bmp", 4, 4, (_, _) => (0, 0, 0));
        var error = Assert.Throws<SightlineException>(() => DataSet.Open(folder.Write("1.json", json)));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FoldersAreClassesAndSplits()
    {
        using var folder = new DataFolder();
        foreach (var name in (string[])["train/cat/1.bmp", "train/dog/2.bmp", "test/dog/3.bmp"]) folder.WriteBmp(name, 2, 2, (_, _) => (0, 0, 0));
        Assert.Equal(DataFormat.Folders, DataFormats.Detect(folder.Root));
        var data = DataSet.Open(folder.Root);
        Assert.Equal(["cat", "dog"], data.Classes);
        Assert.Equal([("test/dog/3.bmp", "dog", "test"), ("train/cat/1.bmp", "cat", "train"), ("train/dog/2.bmp", "dog", "train")], data.Samples.Select(sample => (sample.Id, sample.Label!, sample.Split!)));
        Assert.True(File.Exists(data.ResolvePicture(data.Samples[0])));
        Assert.Equal(["cat", "dog"], DataSet.Open(folder["train"]).Classes);
    }

    [Fact]
    public void ShotsAreDrawnBySeedAndMoveNothingElse()
    {
        using var folder = new DataFolder();
        foreach (var label in (string[])["cat", "dog", "fox"])
        {
            for (var i = 0; i < 12; i++) folder.WriteBmp($"{label}/{i}.bmp", 2, 2, (_, _) => (0, 0, 0));
        }

        var data = DataSet.Open(folder.Root);
        var four = FewShot.Choose(data, 4, 1);
        Assert.Equal(["cat 4", "dog 4", "fox 4"], four.Select(pair => $"{pair.Label} {pair.Samples.Distinct().Count()}"));
        Assert.All(four, pair => Assert.All(pair.Samples, sample => Assert.Equal(pair.Label, sample.Label)));
        Assert.Equal(Ids(four[0]), Ids(FewShot.Choose(data, 4, 1)[0]));
        Assert.NotEqual(Ids(four[0]), Ids(FewShot.Choose(data, 4, 2)[0]));
        // more shots keep those of fewer; a class less changes no other
        Assert.Equal(Ids(four[2]), Ids(FewShot.Choose(data, 8, 1)[2])[..4]);
        var fewer = data with { Classes = ["cat", "fox"], Samples = [.. data.Samples.Where(sample => sample.Label != "dog")] };
        Assert.Equal(Ids(four[2]), Ids(FewShot.Choose(fewer, 4, 1)[1]));
        Assert.Equal(12, FewShot.Subset(data, 4, 1).Samples.Count);
        Assert.Contains("12 pictures of 'cat'", Assert.Throws<SightlineException>(() => FewShot.Choose(data, 13, 1)).Message, StringComparison.Ordinal);

        static string[] Ids((string, IReadOnlyList<DataSample> Samples) pair) => [.. pair.Samples.Select(sample => sample.Id)];
    }

    [Fact]
    public void MasksComeAndGo()
    {
        var mask = RunLengthMask.FromMask([0, 1, 1, 0, 1, 0], 2, 3);
        var read = CocoMask.Read(CocoMask.ToJson(mask), 3, 2, "here");
        Assert.Equal(mask.ToMask(), read.ToMask());
        Assert.Equal(mask.ToMask(), CocoMask.Read("""{"size": [2, 3], "counts": [2, 1, 1, 2]}""".Replace("[2, 1, 1, 2]", $"[{string.Join(",", mask.Counts.ToArray())}]", StringComparison.Ordinal), 3, 2, "here").ToMask());
        Assert.Equal([0, 0, 1, 0, 0, 0], CocoMask.Without(mask, RunLengthMask.FromMask([1, 1, 0, 1, 1, 1], 2, 3)).ToMask());
        foreach (var bad in (string[])["{}", "7", "[[1, \"a\"]]", """{"size": [2, 3], "counts": [1]}""", """{"size": [3, 2], "counts": [6]}""", """{"size": [2], "counts": "0"}"""])
            Assert.Equal(ErrorKind.BadData, Assert.Throws<SightlineException>(() => CocoMask.Read(bad, 3, 2, "here")).Kind);
    }
}
