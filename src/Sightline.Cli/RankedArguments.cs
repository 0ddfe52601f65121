using System.CommandLine;
using System.CommandLine.Parsing;
using Sightline.Cli.Output;
using Sightline.Training.Distributed;

namespace Sightline.Cli;

/// <summary>What the processes of one run were told, which must be the same: each works by its own command line, and what they exchange must fit together.</summary>
internal static class RankedArguments
{
    // only process 0 writes and speaks
    private static readonly string[] OfTheFirst = ["--json", "--quiet", "--verbose"];

    /// <summary>Collective.</summary>
    /// <exception cref="SightlineException">Usage, naming the process and the first option that differs.</exception>
    public static void RequireSame(Communicator ranks, ParseResult parsed) =>
        ranks.RequireSame(ErrorKind.Usage, string.Join('\n', Describe(parsed)), (rank, other, first) => Sentence(rank, other.Split('\n'), first.Split('\n')));

    /// <summary>Requires weights files of the same names and sizes: reading them twice would take as long as loading them. Collective.</summary>
    /// <exception cref="SightlineException">BadModel, naming the process.</exception>
    public static void RequireSameModel(Communicator ranks, string folder)
    {
        if (ranks.Size == 1) return;
        string[] files = Directory.Exists(folder) ? [.. Directory.GetFiles(folder, "*.safetensors").Order(StringComparer.Ordinal)] : [];
        var content = files.Length == 0 ? "no weights file" : string.Join(", ", files.Select(file => FormattableString.Invariant($"{Path.GetFileName(file)} of {new FileInfo(file).Length} bytes")));
        ranks.RequireSame(ErrorKind.BadModel, content, (rank, other, first) => $"{folder}: process {rank} has {other}, and process 0 {first}: give all machines the same model files");
    }

    /// <summary>The first entry of one list that the other does not have, of either.</summary>
    internal static string Sentence(int rank, string[] other, string[] first)
    {
        var (theirs, ours) = (other.Except(first).FirstOrDefault(), first.Except(other).FirstOrDefault());
        return $"process {rank} was given {Named(theirs, ours)} and process 0 {Named(ours, theirs)}: start all with the same command line";

        static string Named(string? own, string? another) => own ?? $"no {another!.Split(' ')[0]}";
    }

    /// <summary>The command, its arguments and its options, one each, in an order of their own.</summary>
    private static IEnumerable<string> Describe(ParseResult parsed)
    {
        yield return $"'{parsed.CommandResult.Command.Name}'";
        foreach (var argument in parsed.CommandResult.Children.OfType<ArgumentResult>()) yield return $"{argument.Argument.Name} {Tokens(argument)}";
        foreach (var option in parsed.CommandResult.Children.OfType<OptionResult>().Where(option => !option.Implicit && !OfTheFirst.Contains(option.Option.Name)).OrderBy(option => option.Option.Name, StringComparer.Ordinal))
            yield return $"{option.Option.Name} {Tokens(option)}".TrimEnd();

        static string Tokens(SymbolResult result) => Provenance.Quote([.. result.Tokens.Select(token => token.Value)])["sightline".Length..].Trim();
    }
}
