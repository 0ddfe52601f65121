using Sightline.Geometry;
using Sightline.Testing;
using Sightline.Training.Data;
using Sightline.Training.Reinforcement;
using Sightline.Training.Reporting;

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
}
