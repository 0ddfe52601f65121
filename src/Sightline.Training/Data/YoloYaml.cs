using System.Globalization;

namespace Sightline.Training.Data;

/// <summary>
/// The part of YAML that data.yaml files use for their class names: a flow list, a block list, or a map from number to
/// name. Everything else in the file is passed over.
/// </summary>
internal static class YoloYaml
{
    /// <summary>The names in the order of their numbers; empty when the file has none.</summary>
    /// <exception cref="SightlineException">BadData with file and line.</exception>
    public static IReadOnlyList<string> ReadNames(string path)
    {
        var lines = DataFile.ReadLines(path);
        var at = Array.FindIndex(lines, l => l.StartsWith("names:", StringComparison.Ordinal));
        if (at < 0) return [];
        var rest = Uncomment(lines[at]["names:".Length..]).Trim();
        if (rest.Length > 0) return FlowNames(path, lines, at, rest);
        var names = new SortedDictionary<int, string>();
        for (var i = at + 1; i < lines.Length; i++)
        {
            var line = Uncomment(lines[i]);
            if (line.Trim().Length == 0) continue;
            if (!char.IsWhiteSpace(line[0]) && line[0] != '-') break;
            var item = line.Trim();
            if (item.StartsWith("- ", StringComparison.Ordinal)) Add(names, names.Count, item[2..], path, i);
            else AddPair(names, item, path, i);
        }

        return Ordered(names, path, at);
    }

    private static IReadOnlyList<string> FlowNames(string path, string[] lines, int at, string rest)
    {
        var close = rest[0] == '[' ? ']' : '}';
        var end = at;
        while (!rest.Contains(close, StringComparison.Ordinal) && ++end < lines.Length) rest += " " + Uncomment(lines[end]).Trim();
        if (rest[0] is not ('[' or '{') || !rest.Contains(close, StringComparison.Ordinal))
            throw new SightlineException(ErrorKind.BadData, $"{path}, line {at + 1}: 'names' is neither a list nor a map");
        var names = new SortedDictionary<int, string>();
        foreach (var item in SplitItems(rest[1..rest.LastIndexOf(close)]))
        {
            if (close == ']') Add(names, names.Count, item, path, at);
            else AddPair(names, item, path, at);
        }

        return Ordered(names, path, at);
    }

    private static void AddPair(SortedDictionary<int, string> names, string item, string path, int line)
    {
        var colon = item.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || !int.TryParse(item[..colon].Trim().Trim('\'', '"'), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            throw new SightlineException(ErrorKind.BadData, $"{path}, line {line + 1}: 'names' has an entry without a class number");
        Add(names, number, item[(colon + 1)..], path, line);
    }

    private static void Add(SortedDictionary<int, string> names, int number, string name, string path, int line)
    {
        if (number > 1_000_000 || !names.TryAdd(number, Unquote(name.Trim())))
            throw new SightlineException(ErrorKind.BadData, $"{path}, line {line + 1}: the class number {number} stands twice or is too large");
    }

    // a number that is left out gets a name that says so
    private static IReadOnlyList<string> Ordered(SortedDictionary<int, string> names, string path, int line)
    {
        if (names.Count == 0) return [];
        var last = names.Keys.Max();
        if (last > (10 * names.Count) + 1000) throw new SightlineException(ErrorKind.BadData, $"{path}, line {line + 1}: the class numbers of 'names' run to {last} for {names.Count} names");
        return [.. Enumerable.Range(0, last + 1).Select(i => names.GetValueOrDefault(i) ?? $"class {i}")];
    }

    private static IEnumerable<string> SplitItems(string list)
    {
        var (start, quote) = (0, '\0');
        for (var i = 0; i <= list.Length; i++)
        {
            if (i < list.Length && quote != '\0')
            {
                if (list[i] == quote) quote = '\0';
                continue;
            }

            if (i < list.Length && list[i] is '\'' or '"') quote = list[i];
            else if (i == list.Length || list[i] == ',')
            {
                if (list[start..i].Trim().Length > 0) yield return list[start..i];
                start = i + 1;
            }
        }
    }

    private static string Unquote(string text) =>
        text.Length >= 2 && text[0] == text[^1] && text[0] is '\'' or '"' ? text[1..^1].Replace("''", "'", StringComparison.Ordinal) : text;

    // # starts a comment at the start of a line or after a space, outside quotes
    private static string Uncomment(string line)
    {
        var quote = '\0';
        for (var i = 0; i < line.Length; i++)
        {
            if (quote != '\0') quote = line[i] == quote ? '\0' : quote;
            else if (line[i] is '\'' or '"') quote = line[i];
            else if (line[i] == '#' && (i == 0 || char.IsWhiteSpace(line[i - 1]))) return line[..i];
        }

        return line;
    }
}
