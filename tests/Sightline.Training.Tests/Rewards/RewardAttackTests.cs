using System.Text;
using System.Text.Json;
using Sightline.Testing;
using Sightline.Training.Rewards;

namespace Sightline.Training.Tests.Rewards;

/// <summary>
/// Answers that try to earn more than they deserve (data/reward-attacks): none may score above the honest answer. To accept a change of the
/// published scores: SIGHTLINE_WRITE_GOLDENS=1, run these tests, read the difference.
/// </summary>
public class RewardAttackTests
{
    private static readonly string s_folder = Path.Combine(Fixtures.Root, "data", "reward-attacks");

    private static readonly List<JsonElement> s_rows = [.. File.ReadLines(Path.Combine(s_folder, "attacks.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];

    [Fact]
    public void NoAttackScoresAboveTheHonestAnswer()
    {
        var wrong = new List<string>();
        foreach (var row in s_rows)
        {
            var (attacks, honests) = (0.0, 0.0);
            foreach (var name in row.GetProperty("rewards").EnumerateArray().Select(item => item.GetString()!))
            {
                var (attack, honest) = (Score(name, row, "completion"), Score(name, row, "honest"));
                if (!(attack >= 0 && attack <= honest)) wrong.Add($"{Name(row)}: {name} gives {attack}, and {honest} to the honest answer");
                if (honest < 0.8) wrong.Add($"{Name(row)}: {name} gives the honest answer {honest} only");
                (attacks, honests) = (attacks + attack, honests + honest);
            }

            if (attacks >= honests) wrong.Add($"{Name(row)}: all rewards together give {attacks}, and {honests} to the honest answer");
        }

        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
        Assert.True(s_rows.Count >= 40);
    }

    [Fact]
    public void PublishedScoresAreThoseOfTheCode()
    {
        var text = new StringBuilder();
        foreach (var row in s_rows)
        {
            using var stream = new MemoryStream();
            using (var json = new Utf8JsonWriter(stream))
            {
                json.WriteStartObject();
                json.WriteNumber("id", row.GetProperty("id").GetInt32());
                json.WriteString("task", row.GetProperty("task").GetString());
                json.WriteString("attack", row.GetProperty("attack").GetString());
                foreach (var name in Upstream(row.GetProperty("task").GetString()!).Concat(row.GetProperty("rewards").EnumerateArray().Select(item => item.GetString()!)))
                {
                    json.WriteStartObject(name);
                    json.WriteNumber("attack", Math.Round(Score(name, row, "completion"), 6));
                    json.WriteNumber("honest", Math.Round(Score(name, row, "honest"), 6));
                    json.WriteEndObject();
                }

                json.WriteEndObject();
            }

            text.Append(Encoding.UTF8.GetString(stream.ToArray())).Append('\n');
        }

        var path = Path.Combine(s_folder, "scores.jsonl");
        if (Environment.GetEnvironmentVariable("SIGHTLINE_WRITE_GOLDENS") == "1") File.WriteAllText(path, text.ToString());
        Assert.Equal(File.ReadAllText(path), text.ToString());
    }

    private static string[] Upstream(string task) => task switch
    {
        "reasoning" => ["visual-rft/lisa_accuracy", "visual-rft/format"],
        "labelled detection" => ["vlm-r1/accuracy.od_ap50", "vlm-r1/accuracy.weighted_sum", "vlm-r1/format"],
        "classification" => ["visual-rft/classification_accuracy", "visual-rft/format"],
        "pointing" or "pointing at nothing" => [],
        _ => ["visual-rft/accuracy_iou", "visual-rft/accuracy_iou_v1", "visual-rft/accuracy_confidence", "visual-rft/format"],
    };

    private static string Name(JsonElement row) => $"{row.GetProperty("task").GetString()}, {row.GetProperty("attack").GetString()}";

    private static double Score(string name, JsonElement row, string answer)
    {
        try
        {
            var isCut = answer == "completion" && row.TryGetProperty("is_cut", out var cut) && cut.GetBoolean();
            return RewardFunctions.Get(name).Score(new RewardCase(row.GetProperty(answer).GetString()!, row.GetProperty("solution").GetString()!) { IsCut = isCut }) is var score && double.IsNaN(score) ? 0 : score;
        }
        catch (RewardException) when (!name.StartsWith("sightline/", StringComparison.Ordinal))
        {
            return 0;
        }
    }
}
