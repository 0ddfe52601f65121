using System.Globalization;
using System.Text.RegularExpressions;
using Sightline.Geometry;
using Sightline.Text.Answers;

namespace Sightline.Text.Prompts;

/// <summary>
/// A question to a vision-language model with places for what is asked about (<c>{{phrase}}</c>), and how its answer is written. Files are
/// named <c>NAME.VERSION.prompt</c>: a changed text is a new version, so that a number can be said with the prompt it was reached with.
/// </summary>
/// <param name="Name">As <c>visual-rft/detection</c>.</param>
/// <param name="Version">From 1.</param>
/// <param name="Task">What is asked.</param>
/// <param name="User">The question.</param>
public sealed partial record PromptTemplate(string Name, int Version, GroundingTask Task, string User)
{
    /// <summary>The message before the conversation, or null for that of the model's chat template.</summary>
    public string? System { get; init; }

    /// <summary>How boxes or points are to be written; null where the answer is a name.</summary>
    public AnswerForm? Form { get; init; }

    /// <summary>The coordinates that the question itself demands; null for those that the model speaks by itself.</summary>
    public CoordinateFrame? Frame { get; init; }

    /// <summary>Whether the model is asked to think first, in tags.</summary>
    public bool HasThinking { get; init; }

    /// <summary>The values of <c>model_type</c> that it is meant for.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Whether it is the one to take for its task and its models.</summary>
    public bool IsDefault { get; init; }

    /// <summary>Name and version, as <c>visual-rft/detection@1</c>.</summary>
    public string Id => string.Create(CultureInfo.InvariantCulture, $"{Name}@{Version}");

    /// <summary>How the answer is read.</summary>
    public AnswerKind Kind => Task switch
    {
        GroundingTask.Pointing => AnswerKind.Points,
        GroundingTask.Classification => AnswerKind.Label,
        _ => AnswerKind.Boxes,
    };

    /// <summary>The names of the places, each once.</summary>
    public IReadOnlyList<string> Places => [.. Place().Matches(System + User).Select(match => match.Groups[1].Value).Distinct()];

    /// <summary>The conversation: the picture, then the question.</summary>
    /// <param name="values">What stands at each of the <see cref="Places"/>.</param>
    /// <exception cref="SightlineException">Usage: a place has no value.</exception>
    public IReadOnlyList<ChatMessage> Fill(params IReadOnlyList<(string Place, string Value)> values)
    {
        var question = new ChatMessage("user", ChatPart.Image, ChatPart.Words(Insert(User, values)));
        return System is null ? [question] : [new ChatMessage("system", Insert(System, values)), question];
    }

    /// <summary>Reads an answer to this question.</summary>
    /// <param name="text">What the model wrote.</param>
    /// <param name="modelFrame">The coordinates that the model speaks by itself about this picture.</param>
    /// <param name="isCut">Whether a limit ended the answer.</param>
    public GroundedAnswer Read(string text, CoordinateFrame modelFrame, bool isCut = false) => AnswerParser.Parse(text, Kind, Frame ?? modelFrame, isCut);

    /// <summary>Reads a template file's text.</summary>
    /// <exception cref="SightlineException">BadData: an unknown key or value, or no question.</exception>
    public static PromptTemplate Parse(string text, string name, int version)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.ReplaceLineEndings("\n").Split("\n--- ");
        var keys = parts[0].Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => Key(line, name)).ToDictionary(StringComparer.Ordinal);
        foreach (var key in keys.Keys)
        {
            if (key is not ("task" or "answer" or "frame" or "thinking" or "models" or "default" or "about")) throw Bad(name, $"the key '{key}' is not known");
        }

        var sections = parts.Skip(1).Select(part => part.Split('\n', 2)).ToDictionary(part => part[0].Trim(), part => part.Length > 1 ? part[1].TrimEnd('\n') : "", StringComparer.Ordinal);
        if (!sections.TryGetValue("user", out var user) || user.Length == 0) throw Bad(name, "there is no question (--- user)");
        return new PromptTemplate(name, version, TaskOf(Value("task"), name), user)
        {
            System = sections.GetValueOrDefault("system"),
            Form = FormOf(Value("answer"), name),
            Frame = Value("frame") switch { "" or "model" => null, "0..1000" => CoordinateFrame.Thousandths, "0..1" => CoordinateFrame.Unit, var other => throw Bad(name, $"the frame '{other}' is not known") },
            HasThinking = Value("thinking") == "yes",
            Models = Value("models").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            IsDefault = Value("default") == "yes",
        };

        string Value(string key) => keys.GetValueOrDefault(key, "");
    }

    private static (string Key, string Value) Key(string line, string name)
    {
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 ? (line[..colon].Trim(), line[(colon + 1)..].Trim()) : throw Bad(name, $"'{line}' is not of the form 'key: value'");
    }

    private static GroundingTask TaskOf(string value, string name) =>
        Enum.TryParse<GroundingTask>(value, ignoreCase: true, out var task) && Enum.IsDefined(task) ? task : throw Bad(name, $"the task '{value}' is not known");

    private static AnswerForm? FormOf(string value, string name) => value switch
    {
        "box-tokens" => AnswerForm.BoxTokens,
        "json" => AnswerForm.Json,
        "positions" => AnswerForm.Positions,
        "pairs" => AnswerForm.Pairs,
        "label" => null,
        _ => throw Bad(name, $"the answer '{value}' is not known"),
    };

    private static SightlineException Bad(string name, string what) => new(ErrorKind.BadData, $"the prompt template {name} cannot be used: {what}");

    private string Insert(string text, IReadOnlyList<(string Place, string Value)> values) => Place().Replace(text, match =>
    {
        var name = match.Groups[1].Value;
        foreach (var (place, value) in values)
        {
            // a phrase that spells a control token stays a phrase
            if (place == name) return value.Replace("<|", "< |", StringComparison.Ordinal);
        }

        throw new SightlineException(ErrorKind.Usage, $"the prompt {Id} needs a value for '{name}'");
    });

    [GeneratedRegex(@"\{\{(\w+)\}\}")]
    private static partial Regex Place();
}
