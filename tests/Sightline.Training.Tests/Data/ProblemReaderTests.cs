using DuckDB.NET.Data;
using Sightline.Geometry;
using Sightline.Training.Data;

namespace Sightline.Training.Tests.Data;

/// <summary>Published forms of problems, as their projects write them, and the typed truth that is read from them.</summary>
public class ProblemReaderTests
{
    private const string DetectionPrompt = """
        Detect all objects belonging to the category 'red fox' in the image, and provide the bounding boxes (between 0 and 1000, integer) and confidence (between 0 and 1, with two decimal places).
        If no object belonging to the category 'red fox' in the image, return 'No Objects'.
        """;

    [Fact]
    public void VisualRftJsonGivesBoxesNamesAndNothing()
    {
        using var folder = new DataFolder();
        folder.WriteBmp("images/a.bmp", 64, 48, (x, _) => ((byte)x, 0, 0));
        var prompt = System.Text.Json.JsonSerializer.Serialize(DetectionPrompt);
        var path = folder.Write("train.json", $$"""
            [{"image": "a.bmp", "problem": {{prompt}}, "solution": "<answer>[{'Position': [100, 200, 300, 400], 'Confidence': 1}, {'Position': [0, 0, 1000, 999], 'Confidence': 1}]</answer>"},
             {"image": "a.bmp", "problem": {{prompt}}, "solution": "<answer>No Objects</answer>"},
             {"image_path": "b.bmp", "problem": "This is an image containing a plant. Please identify the species.", "solution": "<answer>water lily</answer>"},
             {"image": {"path": "a.bmp", "bytes": null}, "problem": "Output the bounding box in the image corresponding to the instruction: the thing that holds water. Output the thinking process in <think> </think> and your grouding box.", "solution": "<answer>(10,20),(30,40)</answer>"}]
            """);
        Assert.Equal(DataFormat.VisualRft, DataFormats.Detect(path));
        var problems = ProblemFormats.Read(path);
        Assert.Equal(["0", "1", "2", "3"], problems.Select(problem => problem.Id));
        Assert.Equal([new Box(100, 200, 300, 400, CoordinateFrame.Thousandths), new Box(0, 0, 1000, 999, CoordinateFrame.Thousandths)], problems[0].Boxes!.Select(box => box.Box));
        Assert.All(problems[0].Boxes!, box => Assert.Equal("red fox", box.Label));
        Assert.Equal(CoordinateFrame.Thousandths, problems[0].Frame);
        Assert.Equal("<answer>No Objects</answer>", problems[1].Solution);
        Assert.Equal(("red fox", 0), (problems[1].Subject, problems[1].Boxes!.Count));
        Assert.Equal(("water lily", null), (problems[2].Label, problems[2].Boxes));
        Assert.Equal("the thing that holds water", problems[3].Subject);
        Assert.Equal([new Box(10, 20, 30, 40, CoordinateFrame.Thousandths)], problems[3].Boxes!.Select(box => box.Box));
        Assert.Equal(folder["images/a.bmp"], problems[0].Pictures[0].File);
        Assert.Equal((64, 48), (problems[3].Pictures[0].Load().Width, problems[3].Pictures[0].Load().Height));
        // two problems about one picture are one sample; the class that is not there is a known absence
        var data = DataSet.Open(path);
        Assert.Equal(["red fox", "water lily"], data.Classes);
        Assert.Equal((2, 4), (data.Samples.Count, data.Problems!.Count));
        Assert.Equal((2, 1, 64, "red fox"), (data.Samples[0].Objects.Count, data.Samples[0].Phrases.Count, data.Samples[0].Width, Assert.Single(data.Samples[0].AbsentLabels!)));
        Assert.Equal("water lily", data.Samples[1].Label);
    }

    [Fact]
    public void ParquetOfTheHubIsReadWithItsPictures()
    {
        using var folder = new DataFolder();
        var bytes = File.ReadAllBytes(folder.WriteBmp("a.bmp", 5, 7, (x, y) => ((byte)x, (byte)y, 9)));
        Directory.CreateDirectory(folder["set/data"]);
        var file = folder["set/data/train-00000-of-00001.parquet"];
        using (var connection = new DuckDBConnection("DataSource=:memory:"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = $"""
                COPY (SELECT * FROM (VALUES
                  ({'{'}'bytes': from_hex('{Convert.ToHexString(bytes)}'), 'path': 'it''s.bmp'{'}'}, 'Detect all objects belonging to the category ''cat'' in the image', '<answer>[{'{'}''Position'': [1, 2, 30, 40], ''Confidence'': 1{'}'}]</answer>'),
                  ({'{'}'bytes': from_hex('{Convert.ToHexString(bytes)}'), 'path': NULL{'}'}, 'What is this?', '<answer>dog</answer>')) t(image, problem, solution)) TO '{file}' (FORMAT PARQUET)
                """;
            command.ExecuteNonQuery();
        }

        Assert.Equal(DataFormat.VisualRft, DataFormats.Detect(folder["set"]));
        foreach (var path in (string[])[folder["set"], file])
        {
            var problems = ProblemFormats.Read(path);
            Assert.Equal(["train", "train"], problems.Select(problem => problem.Split));
            Assert.Equal(["it's.bmp", "train-00000-of-00001/1"], problems.Select(problem => problem.Pictures[0].Name));
            Assert.Equal(("cat", new Box(1, 2, 30, 40, CoordinateFrame.Thousandths)), (problems[0].Boxes![0].Label, problems[0].Boxes![0].Box));
            Assert.Equal("dog", problems[1].Label);
            Assert.Equal((5, 7), (problems[1].Pictures[0].Load().Width, problems[1].Pictures[0].Load().Height));
        }

        // pictures that lie inside the file need a place of their own in text formats
        var inside = Assert.Throws<SightlineException>(() => ProblemFormats.Write(ProblemFormats.Read(file), folder["out/p.jsonl"], DataFormat.Problems));
        Assert.Equal(ErrorKind.BadData, inside.Kind);
        ProblemFormats.Write(ProblemFormats.Read(file), folder["out/p.jsonl"], DataFormat.Problems, copyPictures: true);
        var again = ProblemFormats.Read(folder["out/p.jsonl"]);
        Assert.Equal(bytes, File.ReadAllBytes(again[1].Pictures[0].File!));
        Assert.Equal("it's.bmp", Path.GetFileName(again[0].Pictures[0].File));
    }

    [Fact]
    public void DamagedParquetIsOneSentence()
    {
        using var folder = new DataFolder();
        var error = Assert.Throws<SightlineException>(() => DataSet.Open(folder.Write("a.parquet", "PAR1 nothing more PAR1")));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains("a.parquet", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void VlmR1LinesTakeSeveralPicturesAndBoxesInOriginalPixels()
    {
        using var folder = new DataFolder();
        folder.WriteBmp("a.bmp", 640, 480, (_, _) => (1, 2, 3));
        var path = folder.Write("rec.jsonl", """
            {"id": 7, "image": "a.bmp", "conversations": [{"from": "human", "value": "<image>Please provide the bounding box coordinate of the region this sentence describes: the man on the left."}, {"from": "gpt", "value": "[10, 20, 200, 300]"}]}
            {"id": "x", "image": ["a.bmp", "b.bmp"], "conversations": [{"from": "human", "value": "<image><image>Which is newer?"}, {"from": "gpt", "value": "<answer> the second </answer>"}]}
            {"image": "a.bmp", "conversations": [{"from": "human", "value": "<image>Detect cats."}, {"from": "gpt", "value": "```json\n[{\"bbox_2d\": [1, 2, 3, 4], \"label\": \"cat\"}]\n```"}]}
            """);
        Assert.Equal(DataFormat.VlmR1, DataFormats.Detect(path));
        var problems = ProblemFormats.Read(path);
        Assert.Equal(["7", "x", "2"], problems.Select(problem => problem.Id));
        Assert.Equal(("<answer> [10, 20, 200, 300] </answer>", "the man on the left"), (problems[0].Solution, problems[0].Subject));
        Assert.Equal(new Box(10, 20, 200, 300, CoordinateFrame.Pixels(640, 480)), problems[0].Boxes![0].Box);
        Assert.Equal((2, "the second"), (problems[1].Pictures.Count, problems[1].Label));
        // coordinates of the model, which the file does not name
        Assert.Null(problems[2].Boxes);
        var data = DataSet.Open(path);
        Assert.Equal("the man on the left", data.Samples[0].Phrases[0].Text);
        Assert.Contains("several pictures", Assert.Single(data.Notes), StringComparison.Ordinal);
        // pixels would be read as thousandths there; Sightline's own lines say what they are
        Assert.Contains("a solution in 0..1000", Assert.Throws<SightlineException>(() => ProblemFormats.Write([problems[0]], folder["rft.json"], DataFormat.VisualRft)).Message, StringComparison.Ordinal);
        ProblemFormats.Write([problems[0]], folder["own.jsonl"], DataFormat.Problems);
        var own = Assert.Single(ProblemFormats.Read(folder["own.jsonl"]));
        Assert.Equal((problems[0].Solution, problems[0].Frame, problems[0].Boxes![0].Box), (own.Solution, own.Frame, own.Boxes![0].Box));
    }

    [Theory]
    [InlineData("[{\"messages\": [{\"role\": \"system\", \"content\": \"Be short.\"}, {\"role\": \"user\", \"content\": \"<image>Who?\"}, {\"role\": \"assistant\", \"content\": \"A cat.\"}, {\"role\": \"user\", \"content\": \"Where?\"}, {\"role\": \"assistant\", \"content\": \"There.\"}], \"images\": [\"a.bmp\"]}]", "Be short.")]
    [InlineData("[{\"conversations\": [{\"from\": \"human\", \"value\": \"<image>Who?\"}, {\"from\": \"gpt\", \"value\": \"A cat.\"}, {\"from\": \"human\", \"value\": \"Where?\"}, {\"from\": \"gpt\", \"value\": \"There.\"}], \"system\": \"Be short.\", \"images\": [\"a.bmp\"]}]", "Be short.")]
    [InlineData("[{\"instruction\": \"Where?\", \"input\": \"\", \"output\": \"There.\", \"history\": [[\"<image>Who?\", \"A cat.\"]], \"images\": \"a.bmp\"}]", null)]
    public void ConversationsOfLlamaFactoryKeepTheirTurns(string json, string? system)
    {
        using var folder = new DataFolder();
        var path = folder.Write("sft.json", json);
        Assert.Equal(DataFormat.ShareGpt, DataFormats.Detect(path));
        var problem = Assert.Single(ProblemFormats.Read(path));
        Assert.Equal((system, "Where?", "There."), (problem.System, problem.Prompt, problem.Answer));
        Assert.Equal([new ProblemTurn(false, "<image>Who?"), new ProblemTurn(true, "A cat.")], problem.Earlier);
        Assert.Equal("a.bmp", Assert.Single(problem.Pictures).Name);
        ProblemFormats.Write([problem], folder["again.json"], DataFormat.ShareGpt);
        var again = Assert.Single(ProblemFormats.Read(folder["again.json"]));
        Assert.Equal((problem.System, problem.Prompt, problem.Answer), (again.System, again.Prompt, again.Answer));
        Assert.Equal(problem.Earlier, again.Earlier);
    }

    [Theory]
    [InlineData("a.json", "[{\"problem\": \"x\", \"solution\": \"y\"}]", "entry [0]: 'image' is missing")]
    [InlineData("a.json", "[{\"image\": \"a.bmp\", \"problem\": \"x\"}]", "'solution' is missing")]
    [InlineData("a.json", "[{\"image\": {\"bytes\": \"?\"}, \"problem\": \"x\", \"solution\": \"y\"}]", "not base64")]
    [InlineData("a.jsonl", "{\"image\": \"a.bmp\", \"conversations\": [{\"from\": \"human\", \"value\": \"x\"}]}", "line 1: 'conversations' has 1 turns")]
    [InlineData("a.jsonl", "{\"image\": [\"a.bmp\", \"b.bmp\"], \"conversations\": [{\"from\": \"human\", \"value\": \"<image>x\"}, {\"from\": \"gpt\", \"value\": \"y\"}]}", "1 places for pictures")]
    [InlineData("a.json", "[{\"messages\": [{\"role\": \"tool\", \"content\": \"x\"}]}]", "messages[0]: 'role' is 'tool'")]
    [InlineData("a.json", "[{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}]", "must end with an answer")]
    [InlineData("a.json", "[{\"messages\": [{\"role\": \"assistant\", \"content\": \"x\"}, {\"role\": \"user\", \"content\": \"y\"}]}]", "turn 1 is of the wrong speaker")]
    public void WhatIsWrongIsSaidWithItsPlace(string name, string text, string expected)
    {
        using var folder = new DataFolder();
        var error = Assert.Throws<SightlineException>(() => DataSet.Open(folder.Write(name, text)));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(folder.Root, error.Message, StringComparison.Ordinal);
    }
}
