using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using DuckDB.NET.Data;
using Sightline.Geometry;
using Sightline.Testing;
using Sightline.Training.Data;
using Sightline.Training.Recipes;
using Sightline.Training.Reinforcement;
using Sightline.Training.Reporting;
using Sightline.Training.Tests.Data;

namespace Sightline.Training.Tests.Reporting;

public sealed class RolloutViewerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-rollouts-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_page_shows_picture_boxes_thoughts_rewards_and_advantages()
    {
        var problem = new Problem("one", "Where is <it>?")
        {
            Pictures = [ProblemPicture.FromFile(Fixtures.Path("qwen", "model_goldens", "images", "a.png"))],
            Boxes = [new LabelledBox("it", new Box(9, 6, 45, 30, CoordinateFrame.Pixels(90, 60)))],
        };
        var prepared = new PreparedProblem(problem, "things", [], null!, [], CoordinateFrame.Thousandths, (90, 60), []);
        Rollout[] answers =
        [
            new([1, 2], new float[2], "<think>a & b</think><answer>(200,100),(700,900)</answer>", false) { Scores = [0.25, double.NaN], Reward = 0.25, Advantage = -0.7 },
            new([1], new float[1], "<script>", true) { Scores = [0.75, 1], Reward = 0.75, Advantage = 0.7 },
        ];
        var log = Path.Combine(_folder, "rollouts.jsonl");
        File.WriteAllBytes(log, RolloutLog.Lines(1, 3, ["mine/one", "mine/two"], [new RolloutGroup(prepared, answers)]));
        var page = Path.Combine(_folder, "rollouts.html");
        RolloutViewer.Write(page, "a run", log, (source, id) => (source, id) == ("things", "one") ? problem : null);
        var html = File.ReadAllText(page);
        string[] expected =
        [
            "Stage 2, step 3: things/one", "Where is &lt;it&gt;?", "src=\"data:image/jpeg;base64,",
            "<rect class=\"c0\" x=\"0.2\" y=\"0.1\" width=\"0.5\" height=\"0.8\">", "<rect class=\"t\" x=\"0.1\" y=\"0.1\" width=\"0.4\" height=\"0.4\">",
            "<summary>thinking</summary><pre>a &amp; b</pre>", "&lt;script&gt;", "<td>1 (cut)</td>", "mine/two", "<td>–</td>", "<td>0.75</td>", "<td>-0.7</td>",
        ];
        Assert.All(expected, text => Assert.Contains(text, html, StringComparison.Ordinal));
        Assert.DoesNotContain("<script>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_are_bold_where_rewards_differ_and_names_are_short_where_that_is_clear()
    {
        var equal = Page(["sightline/format", "vlm-r1/cosine_length"], (_, _) => null, [new RolloutGroup(Of(new Problem("one", "?") { Solution = "fox" }, default), [Answer(1), Answer(1)])]);
        Assert.DoesNotContain("class=\"best\"", equal, StringComparison.Ordinal);
        Assert.Contains("<th title=\"vlm-r1/cosine_length\">cosine_<wbr>length</th>", equal, StringComparison.Ordinal);
        Assert.Contains("ones are the truth. Bold:", equal, StringComparison.Ordinal);
        Assert.Contains("Truth: fox</figcaption>", equal, StringComparison.Ordinal);
        var mixed = Page(["sightline/format", "mine/format"], (_, _) => null, [new RolloutGroup(Of(new Problem("one", "?") { Solution = "fox" }, default), [Answer(0), Answer(1)])]);
        Assert.Single(Regex.Matches(mixed, "class=\"best\""));
        Assert.Contains("<th title=\"mine/format\">mine/<wbr>format</th>", mixed, StringComparison.Ordinal);
        Assert.DoesNotContain("<td>-0</td>", mixed, StringComparison.Ordinal);

        static Rollout Answer(double reward) => new([1], new float[1], "words", false) { Scores = [0, 0], Reward = reward, Advantage = -1e-7 };
    }

    /// <summary>Scenes, pictures with boxes, files of problems and Parquet; a log from before solutions were written, too.</summary>
    [Theory]
    [InlineData("scenes", true)]
    [InlineData("pictures", true)]
    [InlineData("problems", true)]
    [InlineData("parquet", true)]
    [InlineData("scenes", false)]
    [InlineData("pictures", false)]
    public void The_truth_is_dashed_whatever_the_source(string kind, bool isLogged)
    {
        using var folder = new DataFolder();
        var problem = ProblemOf(kind, folder);
        var answers = new Rollout[] { new([1], new float[1], "(1,2),(3,4)", false) { Scores = [0], Reward = 0 } };
        var html = Page(["sightline/box_iou"], (_, _) => problem, [new RolloutGroup(Of(problem, problem.Frame ?? CoordinateFrame.Thousandths), answers)], isLogged);
        var found = Assert.Single(Regex.Matches(html, "<rect class=\"t\" x=\"([0-9.]+)\" y=\"([0-9.]+)\" width=\"([0-9.]+)\" height=\"([0-9.]+)\">")).Groups;
        var truth = problem.Boxes![0].Box.To(CoordinateFrame.Unit);
        // coordinates of answers are whole thousandths
        foreach (var (value, expected) in new[] { (found[1], truth.X1), (found[2], truth.Y1), (found[3], truth.Width), (found[4], truth.Height) })
            Assert.Equal(expected, double.Parse(value.Value, CultureInfo.InvariantCulture), 0.00111);
    }

    private static Problem ProblemOf(string kind, DataFolder folder)
    {
        var asking = new PhraseProblems(null, "qwen2_vl", (_, _) => CoordinateFrame.Thousandths, 20);
        folder.WriteBmp("a.bmp", 64, 48, (x, y) => ((byte)x, (byte)y, 9));
        switch (kind)
        {
            case "scenes": return new SceneProblems("things", new SceneProblemRecipe(), 5, asking).Get(0);
            case "pictures":
                folder.Write("data.jsonl", """{"filename": "a.bmp", "height": 48, "width": 64, "detection": {"instances": [{"bbox": [8, 8, 24, 24], "label": 0, "category": "cup"}]}}""");
                return new PictureProblems("things", new PictureProblemRecipe { Path = folder["data.jsonl"] }, asking).Get(0);
            case "problems":
                return ProblemFormats.Read(folder.Write("p.jsonl", """{"prompt": "Where?", "pictures": ["a.bmp"], "boxes": [[8, 8, 24, 24]], "box_frame": [64, 48]}"""))[0];
            default:
                using (var connection = new DuckDBConnection("DataSource=:memory:"))
                {
                    connection.Open();
                    using var command = connection.CreateCommand();
                    command.CommandText = $"COPY (SELECT {{'bytes': from_hex('{Convert.ToHexString(File.ReadAllBytes(folder["a.bmp"]))}'), 'path': 'a.bmp'}} AS image, 'Detect all objects belonging to the category ''cat'' in the image' AS problem, '<answer>[{{''Position'': [100, 200, 300, 400], ''Confidence'': 1}}]</answer>' AS solution) TO '{folder["p.parquet"]}' (FORMAT PARQUET)";
                    command.ExecuteNonQuery();
                }

                return ProblemFormats.Read(folder["p.parquet"])[0];
        }
    }

    private static PreparedProblem Of(Problem problem, CoordinateFrame frame) => new(problem, "things", [], null!, [], frame, (64, 48), []);

    private string Page(IReadOnlyList<string> rewards, Func<string, string, Problem?> find, IReadOnlyList<RolloutGroup> groups, bool isLogged = true)
    {
        var log = Path.Combine(_folder, "rollouts.jsonl");
        var lines = Encoding.UTF8.GetString(RolloutLog.Lines(0, 1, rewards, groups));
        File.WriteAllText(log, isLogged ? lines : Regex.Replace(lines, "\"solution\":\"(\\\\.|[^\"\\\\])*\",", ""));
        if (!isLogged) Assert.DoesNotContain("solution", File.ReadAllText(log), StringComparison.Ordinal);
        var page = Path.Combine(_folder, "rollouts.html");
        RolloutViewer.Write(page, "a run", log, find);
        return File.ReadAllText(page);
    }
}
