using System.Runtime.InteropServices;
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

            if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetInt32(out var id) || id is < 0 or > JsonNode.MaxId)
            {
                throw new JsonNode(node.File, $"the token \"{token}\"", property.Value).Fails($"must be an id from 0 to {JsonNode.MaxId}");
            }

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
        var place = 0;
        foreach (var element in node.Element.EnumerateArray())
        {
            var item = new JsonNode(node.File, "merges", element, place++);
            if (item.Element.ValueKind == JsonValueKind.Array)
            {
                var parts = item.Items().ToList();
                if (parts.Count != 2) throw item.Fails("must name two tokens");
                if (Add(merges, finder, parts[0].Text(), parts[1].Text(), spelling) is { } wrong) throw item.Fails(wrong);
                continue;
            }

            if (AddLine(merges, finder, item.Text()!, spelling) is { } problem) throw item.Fails(problem);
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
            if (AddLine(merges, finder, line, spelling) is { } problem)
            {
                throw new SightlineException(ErrorKind.BadModel, $"{path} line {number} {problem}; use vocab.json and merges.txt of the same model");
            }
        }

        return merges;
    }

    // These return what is wrong, or null.
    private static string? AddLine(
        MergeTable merges, Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> ids, ReadOnlySpan<char> line, List<char> spelling)
    {
        var space = line.IndexOf(' ');
        return space <= 0 || space == line.Length - 1 || line[(space + 1)..].Contains(' ')
            ? $"must name two tokens with a space between, not \"{line}\""
            : Add(merges, ids, line[..space], line[(space + 1)..], spelling);
    }

    private static string? Add(
        MergeTable merges, Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> ids, ReadOnlySpan<char> left, ReadOnlySpan<char> right, List<char> spelling)
    {
        if (left.IsEmpty || right.IsEmpty) return "names an empty token";
        if (!ids.TryGetValue(left, out var a)) return $"merges the token \"{left}\", which the vocabulary lacks";
        if (!ids.TryGetValue(right, out var b)) return $"merges the token \"{right}\", which the vocabulary lacks";
        spelling.Clear();
        spelling.AddRange(left);
        spelling.AddRange(right);
        if (!ids.TryGetValue(CollectionsMarshal.AsSpan(spelling), out var result)) return $"makes the token \"{left}{right}\", which the vocabulary lacks";
        merges.Add(a, b, result);
        return null;
    }
}
