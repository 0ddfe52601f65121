using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

public sealed class RewardTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sightline-reward-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("visual-rft/accuracy_confidence", "visual_rft.accuracy_confidence")]
    [InlineData("vlm-r1/rec_iou", "vlm_r1.rec_iou")]
    public async Task Every_case_gets_a_line(string function, string key)
    {
        var input = Fixtures.Path("rewards", "rewards.jsonl");
        var output = Path.Combine(_folder.FullName, "scores.jsonl");
        var run = await CommandLineRun.Of("reward", "--function", function, "--input", input, "--output", output);
        Assert.Equal((0, ""), (run.ExitCode, run.Out));
        var rows = File.ReadAllLines(input).Zip(File.ReadAllLines(output)).ToList();
        Assert.Equal(570, rows.Count);
        foreach (var (line, score) in rows)
        {
            using var expected = JsonDocument.Parse(line);
            using var actual = JsonDocument.Parse(score);
            Assert.Equal(expected.RootElement.GetProperty("id").GetInt32(), actual.RootElement.GetProperty("id").GetInt32());
            var wanted = expected.RootElement.GetProperty("outputs").GetProperty(key);
            if (wanted.ValueKind == JsonValueKind.Number) Assert.Equal(wanted.GetDouble(), actual.RootElement.GetProperty("reward").GetDouble(), 1e-9);
            else if (wanted.TryGetProperty("nonfinite", out var what)) Assert.Equal(what.GetString(), actual.RootElement.GetProperty("reward").GetProperty("nonfinite").GetString());
            else Assert.Equal(wanted.GetProperty("error").GetString(), actual.RootElement.GetProperty("error").GetString());
        }
    }

    [Fact]
    public async Task A_reward_of_ones_own_is_tried_by_its_assembly()
    {
        var input = Path.Combine(_folder.FullName, "cases.jsonl");
        var assembly = typeof(LettersReward).Assembly.Location;
        await File.WriteAllTextAsync(input, "{\"completion\": \"a\", \"solution\": \"b\"}\n");
        Assert.Equal("{\"reward\":0}\n", (await CommandLineRun.Of("reward", "-f", "test/letters", "--assembly", assembly, "-i", input)).Out); // 'a' is 97
        var failing = await CommandLineRun.Of("reward", "-f", "test/failing", "--assembly", assembly, "-i", input);
        Assert.Equal((int)ErrorKind.BadRecipe, failing.ExitCode);
        Assert.Contains("'test/failing' failed (InvalidOperationException", failing.Sentence, StringComparison.Ordinal);
        Assert.Equal((int)ErrorKind.BadRecipe, (await CommandLineRun.Of("reward", "-f", "test/none", "--assembly", assembly, "-i", input)).ExitCode);
    }

    [Fact]
    public async Task Scores_go_to_stdout_and_mistakes_are_sentences()
    {
        var input = Path.Combine(_folder.FullName, "cases.jsonl");
        await File.WriteAllTextAsync(input, "{\"completion\": \"<think>a</think><answer>b</answer>\", \"solution\": \"b\"}\n");
        Assert.Equal("{\"reward\":1}\n", (await CommandLineRun.Of("reward", "-f", "visual-rft/format", "-i", input)).Out);
        Assert.Contains("visual-rft/format", (await CommandLineRun.Of("reward", "--list")).Out, StringComparison.Ordinal);
        await File.AppendAllTextAsync(input, "{\"completion\": 3}\n");
        var bad = await CommandLineRun.Of("reward", "-f", "visual-rft/format", "-i", input);
        Assert.Equal((int)ErrorKind.BadData, bad.ExitCode);
        Assert.Contains("line 2", bad.Sentence, StringComparison.Ordinal);
        Assert.Equal((int)ErrorKind.Usage, (await CommandLineRun.Of("reward", "-f", "beauty", "-i", input)).ExitCode);
        Assert.Equal((int)ErrorKind.Usage, (await CommandLineRun.Of("reward")).ExitCode);
        Assert.Equal((int)ErrorKind.NotFound, (await CommandLineRun.Of("reward", "-f", "visual-rft/format", "-i", input + "x")).ExitCode);
        Assert.Equal("{\"reward\":0}\n", (await CommandLineRun.Of("reward", "-f", "vlm-r1/repetition", "-i", await Case("\"solution\": \"b\""))).Out); // not -0
    }

    [Fact]
    public async Task What_is_wrong_with_the_cases_is_said_in_one_sentence()
    {
        var folder = _folder.FullName;
        await Refused(folder, ErrorKind.NotFound, $"{folder} is a folder: give a file with one JSON object a line");
        await Refused(Path.Combine(folder, "none.jsonl"), ErrorKind.NotFound, $"there is no file {Path.Combine(folder, "none.jsonl")}");
        await Refused(await Case("\"solution\": \"b\", \"completion_tokens\": \"many\""), ErrorKind.BadData, "completion_tokens must be a whole number from 0");
        await Refused(await Case("\"solution\": \"b\", \"is_cut\": 1"), ErrorKind.BadData, "is_cut must be true or false");
        await Refused(await Case("\"solution\": \"b\", \"synonyms\": \"c\""), ErrorKind.BadData, "synonyms must be a list of texts");
        await Refused(await Case("\"solution\": \"b\"}, {"), ErrorKind.BadData, "line 1: damaged JSON at byte ");
        var bytes = Path.Combine(folder, "bytes.jsonl");
        await File.WriteAllBytesAsync(bytes, [.. "{\"completion\": \""u8, 0xE9, .. "\", \"solution\": \"b\"}"u8]);
        await Refused(bytes, ErrorKind.BadData, $"{bytes}: not UTF-8 text");
    }

    private async Task<string> Case(string rest)
    {
        var path = Path.Combine(_folder.FullName, "one.jsonl");
        await File.WriteAllTextAsync(path, $$"""{"completion": "a b c d e f g", {{rest}}}""");
        return path;
    }

    private static async Task Refused(string input, ErrorKind kind, string sentence)
    {
        var run = await CommandLineRun.Of("reward", "-f", "vlm-r1/repetition", "-i", input);
        Assert.Equal((int)kind, run.ExitCode);
        Assert.Contains(sentence, run.Sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("LineNumber", run.Sentence, StringComparison.Ordinal);
    }
}
