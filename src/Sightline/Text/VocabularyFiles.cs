using System.Text.Json;

namespace Sightline.Text;

/// <summary>Reads vocabularies and merges, from tokenizer.json or from vocab.json and merges.txt.</summary>
internal static class VocabularyFiles
{
    /// <summary>Token to id, from a JSON object.</summary>
    public static Dictionary<string, int> Ids(JsonNode node)
    {
        if (node.Element.ValueKind != JsonValueKind.Object) throw node.Fails("must be an object of tokens and ids");
        var ids = new Dictionary<string, int>(node.Element.GetPropertyCount(), StringComparer.Ordinal);
        var seen = new HashSet<int>(ids.Capacity);
        foreach (var property in node.Element.EnumerateObject())
        {
            string token;
            try
            {
                token = property.Name;
            }
            catch (InvalidOperationException)
            {
                throw node.Fails("has a token that is not valid Unicode text");
            }

            var id = new JsonNode(node.File, $"the id of \"{token}\"", property.Value).Id();
            if (!ids.TryAdd(token, id)) throw node.Fails($"lists the token \"{token}\" twice");
            if (!seen.Add(id)) throw node.Fails($"gives the id {id} to two tokens, one of them \"{token}\"");
        }

        return ids.Count > 0 ? ids : throw node.Fails("is empty");
    }

    /// <summary>Merges from a JSON list, of <c>"a b"</c> or of <c>["a", "b"]</c>.</summary>
    public static MergeTable Merges(JsonNode node, Dictionary<string, int> ids)
    {
        if (node.Element.ValueKind != JsonValueKind.Array) throw node.Fails("must be a list");
        var merges = new MergeTable(node.Element.GetArrayLength());
        var finder = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        var spelling = new List<char>();
        foreach (var item in node.Items())
        {
            if (item.Element.ValueKind == JsonValueKind.Array)
            {
                var parts = item.Items().ToList();
                if (parts.Count != 2) throw item.Fails("must name two tokens");
                Add(merges, finder, parts[0].Text(), parts[1].Text(), spelling, item.Fails);
                continue;
            }

            AddLine(merges, finder, item.Text()!, spelling, item.Fails);
        }

        return merges;
    }

    /// <summary>Merges from <c>merges.txt</c>: two tokens a line, best first, after an optional #version line.</summary>
    public static MergeTable Merges(string path, Dictionary<string, int> ids)
    {
        var text = TokenizerFolder.ReadText(path);
        var merges = new MergeTable(text.AsSpan().Count('\n') + 1);
        var finder = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        var spelling = new List<char>();
        var number = 0;
        foreach (var range in text.AsSpan().Split('\n'))
        {
            number++;
            var line = text.AsSpan(range).TrimEnd('\r');
            if (line.IsEmpty || (number == 1 && line.StartsWith("#version"))) continue;
            var at = number;
            AddLine(merges, finder, line, spelling, what => new SightlineException(
                ErrorKind.BadModel, $"{path} line {at} {what}; use vocab.json and merges.txt of the same model"));
        }

        return merges;
    }

    private static void AddLine(
        MergeTable merges, Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> ids, ReadOnlySpan<char> line, List<char> spelling, Func<string, SightlineException> fails)
    {
        var space = line.IndexOf(' ');
        if (space <= 0 || space == line.Length - 1 || line[(space + 1)..].Contains(' ')) throw fails($"must name two tokens with a space between, not \"{line}\"");
        Add(merges, ids, line[..space], line[(space + 1)..], spelling, fails);
    }

    private static void Add(
        MergeTable merges, Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> ids, ReadOnlySpan<char> left, ReadOnlySpan<char> right, List<char> spelling, Func<string, SightlineException> fails)
    {
        if (left.IsEmpty || right.IsEmpty) throw fails("names an empty token");
        if (!ids.TryGetValue(left, out var a)) throw fails($"merges the token \"{left}\", which the vocabulary lacks");
        if (!ids.TryGetValue(right, out var b)) throw fails($"merges the token \"{right}\", which the vocabulary lacks");
        spelling.Clear();
        spelling.AddRange(left);
        spelling.AddRange(right);
        if (!ids.TryGetValue(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(spelling), out var result))
        {
            throw fails($"makes the token \"{left}{right}\", which the vocabulary lacks");
        }

        merges.Add(a, b, result);
    }
}
