using System.Text.Json;

namespace Sightline.Training.Data;

/// <summary>
/// Supervised conversations as LLaMA-Factory takes them: ShareGPT (<c>conversations</c> of <c>from</c> and <c>value</c>), the same
/// with OpenAI's names (<c>messages</c> of <c>role</c> and <c>content</c>), or Alpaca (<c>instruction</c>, <c>input</c>, <c>output</c>), with
/// <c>images</c> for the places <c>&lt;image></c>. The last answer is what is taught, earlier ones are kept as turns.
/// </summary>
internal static class ShareGptReader
{
    private enum Speaker
    {
        System,
        Person,
        Model,
    }

    public static IReadOnlyList<Problem> Read(string path, string? pictures)
    {
        var problems = new List<Problem>();
        var names = new PictureNames(path, pictures);
        JsonRecords.Read(path, (entry, i) => problems.Add(Of(entry, i, names)));
        return problems;
    }

    private static Problem Of(JsonEntry entry, int index, PictureNames names)
    {
        var turns = entry.Has("messages") ? Turns(entry, "messages", "role", "content")
            : entry.Has("conversations") ? Turns(entry, "conversations", "from", "value")
            : Alpaca(entry);
        var system = entry.OptionalText("system");
        if (turns is [(Speaker.System, var first), ..])
        {
            system = first;
            turns.RemoveAt(0);
        }

        if (turns.Exists(turn => turn.Speaker == Speaker.System)) throw entry.Bad("a system message stands inside the conversation");
        for (var i = 0; i < turns.Count; i++)
        {
            if (turns[i].Speaker != (i % 2 == 0 ? Speaker.Person : Speaker.Model)) throw entry.Bad($"turn {i + 1} is of the wrong speaker: person and model take turns, the person first");
        }

        if (turns.Count < 2 || turns.Count % 2 != 0) throw entry.Bad($"the conversation has {turns.Count} turns: it must end with an answer of the model");
        string[] images = !entry.Has("images") ? [] : entry.Required("images").ValueKind == JsonValueKind.String ? [entry.Text("images")] : entry.Texts("images");
        var places = turns.Sum(turn => VlmR1Reader.Count(turn.Text, Problem.PicturePlace));
        if (places != 0 && places != images.Length) throw entry.Bad($"the conversation has {places} places for pictures ({Problem.PicturePlace}) and 'images' names {images.Length}");
        return new Problem(entry.Id(index), turns[^2].Text)
        {
            Pictures = [.. images.Select(names.File)],
            System = string.IsNullOrEmpty(system) ? null : system,
            Earlier = [.. turns.Take(turns.Count - 2).Select(turn => new ProblemTurn(turn.Speaker == Speaker.Model, turn.Text))],
            Answer = turns[^1].Text,
            Split = entry.OptionalText("split"),
            Source = entry.Place,
        };
    }

    private static List<(Speaker Speaker, string Text)> Turns(JsonEntry entry, string list, string who, string what) =>
    [
        .. entry.List(list).EnumerateArray().Select((element, i) =>
        {
            var turn = new JsonEntry(element, entry.Place, $"{list}[{i}]");
            var speaker = turn.Text(who) switch
            {
                "system" => Speaker.System,
                "human" or "user" => Speaker.Person,
                "gpt" or "assistant" or "chatgpt" or "bing" or "bard" => Speaker.Model,
                var other => throw turn.Bad($"'{who}' is '{other}': person (human, user), model (gpt, assistant) or system are understood; calls of tools are not"),
            };
            return (speaker, turn.Text(what));
        }),
    ];

    private static List<(Speaker Speaker, string Text)> Alpaca(JsonEntry entry)
    {
        var turns = new List<(Speaker, string)>();
        foreach (var pair in entry.Has("history") ? entry.List("history").EnumerateArray().ToArray() : [])
        {
            if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2) throw entry.Bad($"'history' holds {JsonEntry.Show(pair)}, not a question and its answer");
            turns.Add((Speaker.Person, entry.TextOf(pair[0], "history")));
            turns.Add((Speaker.Model, entry.TextOf(pair[1], "history")));
        }

        var input = entry.OptionalText("input");
        turns.Add((Speaker.Person, string.IsNullOrEmpty(input) ? entry.Text("instruction") : $"{entry.Text("instruction")}\n{input}"));
        turns.Add((Speaker.Model, entry.Text("output")));
        return turns;
    }
}
