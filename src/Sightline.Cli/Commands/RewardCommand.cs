using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Sightline.Cli.Output;
using Sightline.Geometry;
using Sightline.Training.Rewards;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline reward</c>: scores answers by a named rule, one JSON line a case.</summary>
internal sealed class RewardCommand : ToolCommand
{
    private readonly Option<string?> _function = new("--function", "-f") { Description = "The reward; --list shows all", HelpName = "NAME" };
    private readonly Option<string?> _input = new("--input", "-i") { Description = "Cases, a JSON object a line: completion, solution, and for some rewards image_size_wh, image_grid_thw, completion_tokens, frame_wh (pixels; else 0..1000), is_cut, synonyms", HelpName = "FILE" };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "Scores, a JSON object a line: reward, or error; default: stdout", HelpName = "FILE" };
    private readonly Option<string?> _assembly = new("--assembly") { Description = "Class library with a reward of your own, as a recipe names it", HelpName = "FILE" };
    private readonly Option<bool> _list = new("--list") { Description = "Show the rewards and end" };

    public RewardCommand()
        : base("reward", "Score answers by a rule, as training does", "sightline reward --function visual-rft/accuracy_iou --input cases.jsonl --output scores.jsonl", "sightline reward --function mine/short --assembly bin/Release/net10.0/MyRewards.dll --input cases.jsonl", "sightline reward --list")
    {
        Add(_function);
        Add(_input);
        Add(_output);
        Add(_assembly);
        Add(_list);
        SetAction(parsed => Run(new Settings(parsed.GetValue(_function), parsed.GetValue(_input), parsed.GetValue(_output), parsed.GetValue(_assembly), parsed.GetValue(_list))));
    }

    private sealed record Settings(string? Function, string? Input, string? Output, string? Assembly, bool List);

    private int Run(Settings settings)
    {
        if (settings.List)
        {
            Terminal.Table(["reward", "what it rewards"], RewardFunctions.All.Select(reward => new[] { reward.Name, reward.Description }));
            return ExitCode.Success;
        }

        if (settings.Function is null || settings.Input is null) throw new SightlineException(ErrorKind.Usage, "reward needs --function and --input; --list shows the rewards");
        if (settings.Assembly is { } assembly) RewardAssemblies.Load(settings.Function, assembly);
        var function = RewardFunctions.Get(settings.Function);
        var scores = Score(function, settings.Input);
        if (settings.Output is { } output) OutputFile.WriteAndSay(Terminal, output, scores.WriteTo);
        else Terminal.Out.Write(Encoding.UTF8.GetString(scores.ToArray()));
        return ExitCode.Success;
    }

    private MemoryStream Score(RewardFunction function, string input)
    {
        var lines = new MemoryStream();
        var (count, errors, sum) = (0, 0, 0.0);
        foreach (var (line, where) in JsonLines.Read(input))
        {
            var one = Read(line, where);
            using (var json = new Utf8JsonWriter(lines))
            {
                json.WriteStartObject();
                if (line.TryGetProperty("id", out var id))
                {
                    json.WritePropertyName("id");
                    id.WriteTo(json);
                }

                try
                {
                    var reward = function.Score(one);
                    if (double.IsFinite(reward)) sum += reward;
                    WriteReward(json, reward);
                }
                catch (RewardException error)
                {
                    errors++;
                    json.WriteString("error", error.Type);
                    json.WriteString("message", error.Message);
                }

                json.WriteEndObject();
            }

            lines.WriteByte((byte)'\n');
            count++;
        }

        var mean = count > errors ? string.Create(CultureInfo.InvariantCulture, $", mean {sum / (count - errors):0.0000}") : "";
        Terminal.Hint(string.Create(CultureInfo.InvariantCulture, $"{function.Name}: {count} cases{mean}, {errors} errors"));
        lines.Position = 0;
        return lines;
    }

    private static RewardCase Read(JsonElement line, string where)
    {
        var picture = Numbers(line, "image_size_wh", 2, where);
        var grid = Numbers(line, "image_grid_thw", 3, where);
        return new RewardCase(Text(line, "completion", where), Text(line, "solution", where))
        {
            Picture = (picture[0], picture[1]),
            Grid = (grid[0], grid[1], grid[2]),
            CompletionTokens = Tokens(line, where),
            IsCut = IsCut(line, where),
            Frame = Numbers(line, "frame_wh", 2, where) is [> 0 and var width, > 0 and var height] ? CoordinateFrame.Pixels(width, height) : CoordinateFrame.Thousandths,
            Synonyms = Texts(line, "synonyms", where),
        };
    }

    private static string Text(JsonElement line, string name, string where) =>
        line.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String ? JsonLines.Text(text, where) : throw JsonLines.Bad(where, $"a case needs the text '{name}'");

    private static int Tokens(JsonElement line, string where)
    {
        foreach (var name in (ReadOnlySpan<string>)["completion_tokens", "qwen2_token_count"])
        {
            if (!line.TryGetProperty(name, out var count)) continue;
            return count.ValueKind == JsonValueKind.Number && count.TryGetInt32(out var number) && number >= 0 ? number : throw JsonLines.Bad(where, $"{name} must be a whole number from 0");
        }

        return 0;
    }

    private static bool IsCut(JsonElement line, string where) => line.TryGetProperty("is_cut", out var cut)
        && (cut.ValueKind is JsonValueKind.True or JsonValueKind.False ? cut.GetBoolean() : throw JsonLines.Bad(where, "is_cut must be true or false"));

    private static string[] Texts(JsonElement line, string name, string where)
    {
        if (!line.TryGetProperty(name, out var list)) return [];
        return list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(text => text.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(text => JsonLines.Text(text, where))]
            : throw JsonLines.Bad(where, $"{name} must be a list of texts");
    }

    private static int[] Numbers(JsonElement line, string name, int count, string where)
    {
        if (!line.TryGetProperty(name, out var list)) return new int[count];
        if (list.ValueKind == JsonValueKind.Array && list.GetArrayLength() == count && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out _)))
            return [.. list.EnumerateArray().Select(item => item.GetInt32())];
        throw JsonLines.Bad(where, $"{name} must be {count} whole numbers");
    }

    // JSON has no word for these
    private static void WriteReward(Utf8JsonWriter json, double reward)
    {
        if (double.IsFinite(reward))
        {
            json.WriteNumber("reward", reward + 0.0); // -0 is 0
            return;
        }

        json.WriteStartObject("reward");
        json.WriteString("nonfinite", double.IsNaN(reward) ? "nan" : reward > 0 ? "inf" : "-inf");
        json.WriteEndObject();
    }
}
