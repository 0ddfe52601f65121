using System.CommandLine;
using System.CommandLine.Parsing;

namespace Sightline.Cli;

/// <summary>
/// Options that a command does not have. Where a command takes any number of words, the parser would make words of them, and a mistyped
/// <c>--treshold</c> would be looked for in the picture.
/// </summary>
internal static class UnknownOption
{
    private const int MostEdits = 3;

    /// <summary>What to say about the first word that looks like an option and is none; null where there is none. Everything after a bare <c>--</c> is a word.</summary>
    public static string? Find(ParseResult parsed)
    {
        foreach (var token in parsed.Tokens)
        {
            if (token.Type == TokenType.DoubleDash) return null;
            if (token.Type != TokenType.Argument || token.Value.Length < 3 || !token.Value.StartsWith("--", StringComparison.Ordinal)) continue;
            var name = token.Value.Split('=')[0];
            var nearest = Names(parsed.CommandResult).Select(known => (Name: known, Edits: Edits(name, known))).OrderBy(known => known.Edits).FirstOrDefault();
            return $"'{name}' is no command or option here{(nearest.Name is not null && nearest.Edits <= MostEdits ? $"; did you mean {nearest.Name}?" : "")} (words that begin with -- go after a bare --)";
        }

        return null;
    }

    private static IEnumerable<string> Names(CommandResult? command)
    {
        var isOwn = true;
        for (; command is not null; command = command.Parent as CommandResult, isOwn = false)
        {
            foreach (var option in command.Command.Options.Where(option => isOwn || option.Recursive)) yield return option.Name;
        }
    }

    /// <summary>Letters to put in, take out or replace (Levenshtein).</summary>
    private static int Edits(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var next = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                (diagonal, row[j]) = (row[j], next);
            }
        }

        return row[b.Length];
    }
}
