using Sightline.Training.Evaluation;

namespace Sightline.Cli.Output;

/// <summary>Where a number comes from: command, seed, commit and machine.</summary>
internal static class Provenance
{
    public static ScoreProvenance Of(Terminal terminal, ulong seed) =>
        new(terminal.CommandLine, seed, BuildInformation.Commit, Machine.Describe());

    /// <summary>The command line as a POSIX shell takes it.</summary>
    public static string Quote(IEnumerable<string> arguments) => string.Join(' ', arguments.Select(Quote).Prepend("sightline"));

    private static string Quote(string argument) =>
        argument.Length > 0 && argument.All(each => char.IsAsciiLetterOrDigit(each) || "-_./=:,+@%".Contains(each, StringComparison.Ordinal))
            ? argument
            : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
