using System.Text.RegularExpressions;
using Sightline.Training.Reporting;

namespace Sightline.Training.Tests.Reporting;

public sealed class TrainingReportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-report-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_tells_most_comes_first_and_what_is_always_zero_is_folded()
    {
        string[] logged =
        [
            "redrawn_groups", "seconds_sampling", "reward", "reward_spread", "sightline/format", "sightline/format.spread", "reward_errors", "idle_groups", "tokens", "shortest", "longest", "cut", "entropy", "loss", "kl",
            "sampler_difference", "gradient_norm", "learning_rate", "pictures_per_second",
        ];
        var lines = new List<LogLine>();
        for (var step = 1; step <= 3; step++)
            lines.Add(new LogLine(0, step, "train", logged.ToDictionary(name => name, name => name is "redrawn_groups" or "reward_errors" or "cut" or "sampler_difference" or "sightline/format" ? 0.0 : step)));
        lines.Add(new LogLine(0, 3, "val", new Dictionary<string, double> { ["loss"] = 1, ["reward"] = 0 }));
        var page = Path.Combine(_folder, "report.html");
        TrainingReport.Write(page, TinyRun.Recipe(), lines, [], []);
        var html = File.ReadAllText(page);
        Assert.Equal(
            [
                "reward", "validation reward", "sightline/format", "validation loss", "kl", "entropy", "tokens", "shortest", "longest", "reward_spread", "sightline/format.spread", "loss", "idle_groups",
                "gradient_norm", "learning_rate", "seconds_sampling", "pictures_per_second", "cut", "redrawn_groups", "reward_errors", "sampler_difference",
            ],
            Regex.Matches(html, "<figcaption>([^<]+?) ?<").Select(match => match.Groups[1].Value));
        Assert.Contains("<details><summary>Always zero: cut, redrawn_groups, reward_errors, sampler_difference</summary>", html, StringComparison.Ordinal);
        Assert.Equal(["nats a token", "nats a token", "tokens", "tokens", "groups", "seconds", "pictures a second", "share of the answers", "problems", "answers", "nats"], Regex.Matches(html, "<small>([^<]+)</small>").Select(match => match.Groups[1].Value));
        Assert.DoesNotContain("http", html, StringComparison.Ordinal);
    }
}
