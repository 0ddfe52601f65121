using Sightline.Geometry;
using Sightline.Text.Prompts;
using Sightline.Training.Data;
using Sightline.Training.Expressions;
using Sightline.Training.Rewards;

namespace Sightline.Training.Tests.Data;

/// <summary>Problems from labelled sets: their words, coordinates, negatives and draws; and the way through files and back.</summary>
public class ProblemMakerTests
{
    private static readonly CoordinateFrame s_pixels = CoordinateFrame.Pixels(200, 100);

    [Fact]
    public void DetectionAsksForEachClassOfAPictureInTheFrameThatThePromptDemands()
    {
        var data = Cells();
        var problems = ProblemMaker.Make(data, new ClassNames(new Dictionary<string, ClassName> { ["RBC"] = new(["red cell", "erythrocyte"], ["red cells"]) }), new ProblemOptions(), out var notes);
        // the crowd of platelets and the incomplete class are nobody's fault
        Assert.Equal(["a.png: red cell", "a.png: WBC", "b.png: red cell"], problems.Select(problem => problem.Id));
        Assert.Contains("2 pairs", Assert.Single(notes), StringComparison.Ordinal);
        Assert.Contains("belonging to the category 'red cell' in the image", problems[0].Prompt, StringComparison.Ordinal);
        Assert.Equal("<answer>[{'Position': [50, 100, 250, 400], 'Confidence': 1}, {'Position': [0, 0, 1000, 1000], 'Confidence': 1}]</answer>", problems[0].Solution);
        Assert.Equal("<think></think>\n<answer>[{'Position': [50, 100, 250, 400], 'Confidence': 1}, {'Position': [0, 0, 1000, 1000], 'Confidence': 1}]</answer>", problems[0].Answer);
        Assert.Equal(CoordinateFrame.Thousandths, problems[0].Frame);
        Assert.All(problems[0].Boxes!, box => Assert.Equal(("red cell", s_pixels), (box.Label, box.Box.Frame)));
        // the answer that supervised training teaches is the best one for the published rewards and ours
        foreach (var reward in (string[])["visual-rft/accuracy_iou", "visual-rft/accuracy_confidence", "visual-rft/format", "sightline/box_iou"])
            Assert.Equal(1, RewardFunctions.Get(reward).Score(new RewardCase(problems[0].Answer!, problems[0].Solution!)), 1e-9);
    }

    [Fact]
    public void NegativesAreSurelyNotThereAndKeepTheirPlaceWhenMoreAreAsked()
    {
        var data = Cells();
        var some = Negatives(0.34);
        Assert.Single(some);
        var all = Negatives(100);
        Assert.Equal(some[0].Id, all.Single(problem => problem.Id == some[0].Id).Id);
        // b.png: WBC is not labelled everywhere, Platelets are listed as looked for and absent
        Assert.Equal(["b.png: platelets"], all.Select(problem => problem.Id));
        Assert.All(all, problem => Assert.Equal(("<answer>No Objects</answer>", 0), (problem.Solution, problem.Boxes!.Count)));

        List<Problem> Negatives(double share) => [.. ProblemMaker.Make(data, ClassNames.Plain, new ProblemOptions { Negatives = share, Seed = 3 }, out _).Where(problem => problem.Boxes!.Count == 0)];
    }

    [Fact]
    public void FramesThatAModelSpeaksByItselfAreLeftToTheTrainerOrWrittenOut()
    {
        var data = Cells();
        var open = ProblemMaker.Make(data, ClassNames.Plain, new ProblemOptions { Prompt = "qwen/detection" }, out _);
        Assert.All(open, problem => Assert.Equal((null, null, null), (problem.Solution, problem.Answer, problem.Frame)));
        Assert.Contains("RBC, WBC", open[0].Prompt, StringComparison.Ordinal);
        var written = ProblemMaker.Make(data, ClassNames.Plain, new ProblemOptions { Prompt = "qwen/detection", OwnFrame = (width, height) => CoordinateFrame.Pixels(width * 2, height * 4) }, out _);
        Assert.Equal(CoordinateFrame.Pixels(400, 400), written[0].Frame);
        Assert.Contains("{\"bbox_2d\": [20, 40, 100, 160], \"label\": \"RBC\"}", written[0].Solution, StringComparison.Ordinal);
    }

    [Fact]
    public void PhrasesAndQuestionsBecomeProblemsOfOneBox()
    {
        var data = new DataSet
        {
            Name = "phrases",
            Format = DataFormat.Sightline,
            Samples =
            [
                new DataSample("a.png", "a.png", 200, 100)
                {
                    Phrases =
                    [
                        new DataPhrase("the cell on the left", [new Box(10, 10, 50, 40, s_pixels)]), new DataPhrase("two cells", [new Box(0, 0, 1, 1, s_pixels), new Box(2, 2, 3, 3, s_pixels)]),
                        new DataPhrase("the dog", []), new DataPhrase("they", []) { IsGrounded = false },
                    ],
                },
            ],
        };
        var problems = ProblemMaker.Make(data, ClassNames.Plain, new ProblemOptions { Task = GroundingTask.Reasoning }, out var notes);
        Assert.Equal(["<answer>(50,100),(250,400)</answer>", "<answer>No Objects</answer>"], problems.Select(problem => problem.Solution));
        Assert.StartsWith("A conversation between User and Assistant.", problems[0].System, StringComparison.Ordinal);
        Assert.Equal(2, notes.Count);
        Assert.Equal(2, RewardFunctions.Get("visual-rft/lisa_accuracy").Score(new RewardCase(problems[0].Answer!, problems[0].Solution!)), 1e-9);
        Assert.Equal(3, ProblemMaker.Make(data, ClassNames.Plain, new ProblemOptions(), out _).Count);
        // points are taught at the centre and right anywhere in their box
        var pointing = ProblemMaker.Make(data, ClassNames.Plain, new ProblemOptions { Task = GroundingTask.Pointing, OwnFrame = (_, _) => CoordinateFrame.Thousandths }, out _)[0];
        Assert.Equal("(150,250)", pointing.Answer);
        Assert.Equal(1, RewardFunctions.Get("sightline/point").Score(new RewardCase(pointing.Answer!, pointing.Solution!)), 1e-9);
    }

    [Fact]
    public void NamesOfWholePicturesNeedTheirPlaces()
    {
        var data = new DataSet { Name = "flowers", Format = DataFormat.Folders, Classes = ["daisy", "water_lily"], Samples = [.. Enumerable.Range(0, 8).Select(i => new DataSample($"{i}", $"{i}.png", 0, 0) { Label = i % 2 == 0 ? "daisy" : "water_lily" })] };
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => ProblemMaker.Make(data, ClassNames.Plain, new ProblemOptions(), out _)).Kind);
        var problems = ProblemMaker.Make(data, ClassNames.Plain, new ProblemOptions { Values = [("subject", "a plant"), ("property", "species of the plant")], Shots = 2, Seed = 1 }, out _);
        Assert.Equal(["daisy", "daisy", "water lily", "water lily"], problems.Select(problem => problem.Label));
        Assert.Equal("<answer>water lily</answer>", problems[2].Solution);
        Assert.StartsWith("This is an image containing a plant. Please identify the species of the plant", problems[0].Prompt, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DataFormat.Problems, "p.jsonl")]
    [InlineData(DataFormat.VisualRft, "p.json")]
    [InlineData(DataFormat.VlmR1, "p.jsonl")]
    [InlineData(DataFormat.ShareGpt, "p.json")]
    public void FilesGiveProblemsBack(DataFormat format, string name)
    {
        using var folder = new DataFolder();
        foreach (var picture in (string[])["set/a.png", "set/b.png"]) folder.WriteBmp(picture, 200, 100, (_, _) => (0, 0, 0));
        var data = Cells() with { PictureFolder = folder["set"] };
        var problems = ProblemMaker.Make(data, ClassNames.Plain, new ProblemOptions { Negatives = 1, Seed = 1 }, out _);
        foreach (var copy in (bool[])[false, true])
        {
            var path = folder[$"out-{copy}/{name}"];
            ProblemFormats.Write(problems, path, format, copy);
            Assert.Equal(format, DataFormats.Detect(path));
            var again = ProblemFormats.Read(path);
            Assert.Equal(problems.Count, again.Count);
            for (var i = 0; i < problems.Count; i++)
            {
                Assert.Equal(problems[i].Prompt, again[i].Prompt.Replace(Problem.PicturePlace, "", StringComparison.Ordinal));
                Assert.True(File.Exists(again[i].Pictures[0].File), again[i].Pictures[0].File);
                Assert.Equal(copy, again[i].Pictures[0].File!.StartsWith(folder["out-True"], StringComparison.Ordinal));
                if (format == DataFormat.ShareGpt) Assert.Equal(problems[i].Answer, again[i].Answer);
                else if (format != DataFormat.VlmR1) Assert.Equal(problems[i].Solution, again[i].Solution);
                if (format is DataFormat.Problems or DataFormat.VisualRft) Assert.Equal(problems[i].Subject, again[i].Subject);
            }

            Assert.DoesNotContain(DataLint.Check(DataSet.Open(path)), finding => finding.Severity == LintSeverity.Error);
        }
    }

    [Fact]
    public void LintFindsSolutionsInAnotherFrame()
    {
        using var folder = new DataFolder();
        folder.WriteBmp("a.bmp", 640, 480, (x, y) => ((byte)x, (byte)y, 0));
        Assert.DoesNotContain(Rules(i => (i * 30, i * 40, 500 + (i * 20), 600 + (i * 15))), rule => rule == LintRule.WrongFrame);
        // pixels of the picture in the place of thousandths: none passes its edge
        Assert.Contains(LintRule.WrongFrame, Rules(i => (i * 10, i * 10, 300 + (i * 10), 200 + (i * 10))));
        // pixels of a larger picture
        Assert.Contains(LintRule.WrongFrame, Rules(i => (i * 10, i * 10, 1300 + (i * 10), 1200 + (i * 10))));
        // shares of the picture
        Assert.Contains(LintRule.WrongFrame, Rules(_ => (0, 0, 1, 1)));
        // a solution that is not what the typed boxes say
        var typed = folder.Write("typed.jsonl", """{"prompt": "x", "pictures": ["a.bmp"], "solution": "<answer>(100,100),(300,300)</answer>", "frame": "thousandths", "boxes": [[64, 48, 192, 144]], "box_frame": [640, 480]}""" + "\n");
        Assert.Empty(DataLint.Check(DataSet.Open(typed)));
        File.WriteAllText(typed, File.ReadAllText(typed).Replace("[640, 480]", "[1280, 960]", StringComparison.Ordinal));
        Assert.Equal(LintRule.WrongFrame, Assert.Single(DataLint.Check(DataSet.Open(typed))).Rule);
        var bad = folder.Write("bad.jsonl", """{"prompt": "<image><image>", "pictures": ["a.bmp"]}""" + "\n");
        Assert.Equal([LintRule.EmptyPhrase, LintRule.MissingPicture, LintRule.BadSolution], DataLint.Check(DataSet.Open(bad), new LintOptions { Pictures = false }).Where(finding => finding.Severity == LintSeverity.Error).Select(finding => finding.Rule).OrderBy(rule => rule.ToString() == "EmptyPhrase" ? 0 : rule == LintRule.MissingPicture ? 1 : 2));

        List<LintRule> Rules(Func<int, (int, int, int, int)> box)
        {
            var lines = Enumerable.Range(0, 24).Select(i => $"{{\"image\": \"a.bmp\", \"problem\": \"the thing {i}\", \"solution\": \"<answer>({box(i).Item1},{box(i).Item2}),({box(i).Item3},{box(i).Item4})</answer>\"}}");
            return [.. DataLint.Check(DataSet.Open(folder.Write("lint.jsonl", string.Join('\n', lines)))).Select(finding => finding.Rule)];
        }
    }

    [Fact]
    public void ProblemsAreDrawnByTheirSubject()
    {
        var problems = Enumerable.Range(0, 20).Select(i => new Problem($"{i}", "x") { Label = i % 2 == 0 ? "cat" : "dog" }).ToArray();
        var few = FewShot.Subset(problems, 3, 5);
        Assert.Equal((3, 3), (few.Count(problem => problem.Label == "cat"), few.Count(problem => problem.Label == "dog")));
        Assert.Equal(few, FewShot.Subset(problems, 3, 5));
        Assert.Equal(4, FewShot.Subset([.. problems.Select((problem, i) => problem with { Label = null, Subject = $"phrase {i}" })], 4, 5).Count);
        Assert.Equal(ErrorKind.BadData, Assert.Throws<SightlineException>(() => FewShot.Subset(problems, 11, 5)).Kind);
    }

    private static DataSet Cells() => new()
    {
        Name = "cells",
        Format = DataFormat.Sightline,
        Classes = ["RBC", "WBC", "Platelets"],
        Samples =
        [
            new DataSample("a.png", "a.png", 200, 100)
            {
                Objects =
                [
                    new LabelledBox("RBC", new Box(10, 10, 50, 40, s_pixels)), new LabelledBox("WBC", new Box(60, 60, 90, 90, s_pixels)),
                    new LabelledBox("RBC", new Box(-5, 0, 210, 100, s_pixels)), new LabelledBox("Platelets", new Box(0, 0, 9, 9, s_pixels)) { Crowd = true },
                ],
            },
            new DataSample("b.png", "b.png", 200, 100)
            {
                Objects = [new LabelledBox("RBC", new Box(1, 2, 3, 4, s_pixels)), new LabelledBox("WBC", new Box(1, 2, 3, 4, s_pixels))],
                IncompleteLabels = ["WBC"],
                AbsentLabels = ["Platelets"],
            },
        ],
    };
}
