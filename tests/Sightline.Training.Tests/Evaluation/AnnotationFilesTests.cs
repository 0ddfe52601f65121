using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Testing;
using Sightline.Training.Evaluation;

namespace Sightline.Training.Tests.Evaluation;

public class AnnotationFilesTests
{
    private const string Images = "\"images\":[{\"id\":1,\"width\":4,\"height\":5}],\"categories\":[{\"id\":1,\"name\":\"a\"}]";

    [Theory]
    [InlineData("", "the file is empty")]
    [InlineData("{", "not valid JSON at line 1, byte 2")]
    [InlineData("[]", "an object with images, categories and annotations is expected, found a list")]
    [InlineData("{}", "no list of images")]
    [InlineData("{\"images\":[{}]}", "images[0]: 'id' is missing")]
    [InlineData("{\"images\":[{\"id\":1},3]}", "images[1]: an object is expected, found 3")]
    [InlineData("{\"images\":[{\"id\":\"x\"}]}", "images[0]: 'id' must be a whole number, found the text \"x\"")]
    [InlineData("{\"images\":[{\"id\":1},{\"id\":1}],\"categories\":[],\"annotations\":[]}", "images[1]: the id 1 is used twice")]
    [InlineData("{" + Images + "}", "no list of annotations")]
    [InlineData("{" + Images + ",\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":1}]}", "annotations[0]: 'bbox' is missing")]
    [InlineData("{" + Images + ",\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[1,2,3]}]}", "annotations[0]: 'bbox' must be [x, y, width, height], found 3 numbers")]
    [InlineData("{" + Images + ",\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[1,2,3,null]}]}", "annotations[0]: 'bbox' must be a number, found null")]
    [InlineData("{" + Images + ",\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[1,2,3,4],\"segmentation\":{\"size\":[5,4],\"counts\":\"@1\"}}]}", "annotations[0]: a compressed run-length mask")]
    [InlineData("{" + Images + ",\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[1,2,3,4],\"segmentation\":{\"size\":[5,4],\"counts\":[3,4]}}]}", "add up to 7 pixels")]
    [InlineData("{" + Images + ",\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[1,2,3,4],\"segmentation\":[[1,2,3]]}]}", "annotations[0]: a polygon has pairs")]
    [InlineData("{" + Images + ",\"annotations\":[]} x", "not valid JSON at line 1")]
    public void GroundTruthErrorsSayWhere(string json, string expected)
    {
        var error = Assert.Throws<SightlineException>(() => CocoGroundTruth.Parse(Encoding.UTF8.GetBytes(json), masks: true, "gt.json"));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.StartsWith("gt.json", error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Theory]
    [InlineData("\"category_id\":1", null)]
    [InlineData("\"category_id\":1,\"category_name\":\"a\"", null)]
    [InlineData("\"category_id\":1,\"category_name\":\"b\"", "1 of 1 detections number their classes differently: class 1 is 'b' in the detections and 'a' in the ground truth")]
    [InlineData("\"category_id\":7", "1 of 1 detections are of class numbers that the ground truth does not have")]
    public void Classes_that_are_numbered_differently_are_noticed(string category, string? problem)
    {
        var truth = CocoGroundTruth.Parse(Encoding.UTF8.GetBytes("{" + Images + ",\"annotations\":[]}"));
        var detections = CocoDetections.Parse(Encoding.UTF8.GetBytes($"[{{\"image_id\":1,{category},\"bbox\":[0,0,1,1],\"score\":1}}]"));
        if (problem is null) Assert.Null(CocoDetections.NumberingProblem(truth, detections));
        else Assert.StartsWith(problem, CocoDetections.NumberingProblem(truth, detections), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "a list of detections is expected, found an object")]
    [InlineData("[{\"image_id\":1,\"category_id\":1,\"bbox\":[1,2,3,4],\"score\":1},{\"image_id\":1,\"category_id\":1,\"bbox\":[1,2,3,4]}]", "detections[1]: 'score' is missing")]
    [InlineData("[{\"image_id\":1,\"category_id\":1,\"score\":0.5}]", "detections[0]: 'bbox' or 'segmentation' is missing")]
    [InlineData("[{\"image_id\":1.5,\"category_id\":1,\"score\":0.5}]", "detections[0]: 'image_id' must be a whole number, found 1.5")]
    [InlineData("[{\"image_id\":1,\"category_id\":1,\"score\":NaN}]", "detections[0]: not valid JSON at line 1")]
    [InlineData("[{\"image_id\":1", "detections[0]")]
    public void DetectionErrorsSayWhere(string json, string expected)
    {
        var error = Assert.Throws<SightlineException>(() => CocoDetections.Parse(Encoding.UTF8.GetBytes(json), name: "dt.json"));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void AMissingFileIsNotFound() =>
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<SightlineException>(() => CocoDetections.Load("no/such/file.json")).Kind);

    [Fact]
    public void FilesOfOtherProgramsAreRead()
    {
        // a byte order mark, whole numbers written as reals, unknown members, escaped text, polygons before their picture
        var json = "\uFEFF{\"info\":{\"a\":[1,{}]},\"annotations\":[{\"id\":1.0,\"image_id\":1,\"category_id\":1,\"bbox\":[0,0,2,2],\"segmentation\":[[0,0,2,0,2,2,0,2]],\"attributes\":{\"x\":null}}]," + Images + ",\"licenses\":null}";
        var truth = CocoGroundTruth.Parse(Encoding.UTF8.GetBytes(json), masks: true);
        Assert.Equal(4, truth.Annotations[0].Mask!.Area);
        Assert.Equal(4, truth.Annotations[0].Area);
        Assert.False(truth.Annotations[0].IsCrowd);
        var detections = CocoDetections.Parse("[{\"segmentation\":{\"counts\":\"04`0\",\"size\":[5,4]},\"score\":1,\"image_id\":1,\"category_id\":1}]"u8, masks: true);
        Assert.Equal((4, 4.0), ((int)detections[0].Mask!.Area, detections[0].Area));
        Assert.Equal((0, 0, 1, 4), (detections[0].X, detections[0].Y, detections[0].Width, detections[0].Height));
        Assert.Empty(CocoDetections.Parse("[]"u8));
    }

    [Fact]
    public void DamagedFilesGiveAResultOrAClearError()
    {
        var whole = File.ReadAllBytes(Fixtures.Path("evaluation", "coco", "segm_ties.gt.json"));
        var damage = from place in Gen.Choose(0, whole.Length - 1)
                     from value in Gen.Elements((byte)'0', (byte)'"', (byte)'[', (byte)'}', (byte)',', (byte)'-', (byte)0xFF, (byte)'9')
                     from cut in Gen.Elements(true, false)
                     select (place, value, cut);
        Prop.ForAll(Arb.From(damage), d =>
        {
            var bytes = d.cut ? whole[..d.place] : [.. whole];
            if (!d.cut) bytes[d.place] = d.value;
            try
            {
                CocoGroundTruth.Parse(bytes, masks: true);
                return true;
            }
            catch (SightlineException error)
            {
                return error.Kind == ErrorKind.BadData;
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void ScoreFilesHoldTheTwelveNumbersAndWhereTheyComeFrom()
    {
        var (truth, detections) = CocoEvaluatorTests.Load("plain", RegionKind.Box);
        var score = CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Bootstrap = new BootstrapOptions(20) });
        var folder = Directory.CreateTempSubdirectory("sightline-score-").FullName;
        var path = Path.Combine(folder, "score.json");
        try
        {
            score.SaveJson(path, new ScoreProvenance("sightline evaluate coco", 7, "abc", "a machine"));
            using var json = JsonDocument.Parse(File.ReadAllText(path));
            var root = json.RootElement;
            Assert.Equal(score.Stats, root.GetProperty("stats").EnumerateArray().Select(v => v.GetDouble()));
            Assert.Equal(12, root.GetProperty("intervals").GetArrayLength());
            Assert.Equal(2, root.GetProperty("per_class").GetArrayLength());
            Assert.Equal(("sightline evaluate coco", 7, "abc", "a machine"), (root.GetProperty("command").GetString(), root.GetProperty("seed").GetInt32(), root.GetProperty("commit").GetString(), root.GetProperty("machine").GetString()));
            Assert.Equal([path], Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        Assert.Equal(ErrorKind.CannotWrite, Assert.Throws<SightlineException>(() => score.SaveJson("/proc/none/score.json")).Kind);
    }
}
