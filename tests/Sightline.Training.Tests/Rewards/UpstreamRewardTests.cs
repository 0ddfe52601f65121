using System.Text.Json;
using Sightline.Testing;
using Sightline.Training.Rewards;

namespace Sightline.Training.Tests.Rewards;

/// <summary>The rewards of Visual-RFT and VLM-R1 against what their own code gave, see tests/fixtures/rewards.</summary>
public class UpstreamRewardTests
{
    // doubles throughout; README of the fixture
    private const double Tolerance = 1e-9;

    private static readonly List<JsonElement> s_rows = [.. File.ReadLines(Fixtures.Path("rewards", "rewards.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];

    public static TheoryData<string> Names => [.. RewardFunctions.All.Select(reward => reward.Name).Where(name => !name.StartsWith("sightline/", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryRowEqualsTheOriginal(string name)
    {
        var reward = RewardFunctions.Get(name);
        var key = name.Replace("visual-rft/", "visual_rft.", StringComparison.Ordinal).Replace("vlm-r1/", "vlm_r1.", StringComparison.Ordinal);
        var wrong = new List<string>();
        foreach (var row in s_rows)
        {
            var expected = Describe(row.GetProperty("outputs").GetProperty(key));
            var actual = Run(reward, row);
            if (expected.Text != actual.Text || !(Math.Abs(expected.Value - actual.Value) <= Tolerance)) wrong.Add($"row {row.GetProperty("id")}: {expected}, here {actual}");
        }

        Assert.True(wrong.Count == 0, $"{wrong.Count} of {s_rows.Count}:\n{string.Join("\n", wrong.Take(10))}");
        Assert.Equal(570, s_rows.Count);
    }

    [Fact]
    public void AllOutputsOfTheFixtureHaveAReward() => Assert.All(
        s_rows[0].GetProperty("outputs").EnumerateObject(), output => Assert.Equal(output.Name, RewardFunctions.Get(output.Name).Name.Replace("visual-rft/", "visual_rft.", StringComparison.Ordinal).Replace("vlm-r1/", "vlm_r1.", StringComparison.Ordinal)));

    [Fact]
    public void AnUnknownNameIsASentence()
    {
        var error = Assert.Throws<SightlineException>(() => RewardFunctions.Get("visual-rft/beauty"));
        Assert.Equal(ErrorKind.Usage, error.Kind);
        Assert.Contains("visual-rft/accuracy_iou", error.Message, StringComparison.Ordinal);
    }

    private static (string Text, double Value) Run(RewardFunction reward, JsonElement row)
    {
        var (picture, grid) = (row.GetProperty("image_size_wh"), row.GetProperty("image_grid_thw"));
        var one = new RewardCase(row.GetProperty("completion").GetString()!, row.GetProperty("solution").GetString()!)
        {
            Picture = (picture[0].GetInt32(), picture[1].GetInt32()),
            Grid = (grid[0].GetInt32(), grid[1].GetInt32(), grid[2].GetInt32()),
            CompletionTokens = row.GetProperty("qwen2_token_count").GetInt32(),
        };
        try
        {
            var value = reward.Score(one);
            return double.IsNaN(value) ? ("nan", 0) : ("", value);
        }
        catch (RewardException error)
        {
            return ($"{error.Type}: {error.Message}", 0);
        }
    }

    private static (string Text, double Value) Describe(JsonElement output) => output.ValueKind == JsonValueKind.Number ? ("", output.GetDouble())
        : output.TryGetProperty("nonfinite", out var what) ? (what.GetString()!, 0)
        : ($"{output.GetProperty("error").GetString()}: {output.GetProperty("message").GetString()}", 0);
}
