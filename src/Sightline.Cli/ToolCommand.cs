using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Training.Distributed;

namespace Sightline.Cli;

/// <summary>
/// One command: its options, a settings record bound from them, and the work. Settings go in, an exit code comes out;
/// errors are thrown (<see cref="SightlineException"/>) and become one sentence and an exit code at the top.
/// </summary>
internal abstract class ToolCommand : Command
{
    protected ToolCommand(string name, string description, params string[] examples)
        : base(name, description) => Examples = examples;

    /// <summary>Whole command lines, shown under the help.</summary>
    public IReadOnlyList<string> Examples { get; }

    /// <summary>The process that runs it; set before the action starts.</summary>
    public RankedProcess Ranked { get; set; } = null!;

    /// <summary>The terminal of this run.</summary>
    public Terminal Terminal => Ranked.Terminal;

    /// <summary>Whether several processes can share the work, under <c>mpirun</c>.</summary>
    public virtual bool DividesItsWork => false;

    /// <summary>The processes that share it.</summary>
    protected Communicator Ranks => Ranked.Ranks;

    /// <summary><c>--json [FILE]</c>, the same everywhere.</summary>
    protected static Option<string?> JsonOption(string what) => new("--json")
    {
        Description = $"Write {what} as JSON: to FILE, or to stdout without one",
        HelpName = "FILE",
        Arity = ArgumentArity.ZeroOrOne,
    };

    /// <summary>Null: not asked for; <see cref="JsonOutput.Stdout"/>: to stdout; else a file.</summary>
    protected static string? JsonTarget(ParseResult parsed, Option<string?> option) =>
        parsed.GetResult(option) is not { Implicit: false } ? null : parsed.GetValue(option) ?? JsonOutput.Stdout;

    /// <summary>For commands with positional arguments, which <c>--json</c> would swallow when written before them.</summary>
    protected static void RequireJsonFile(Option<string?> option) => option.Validators.Add(result =>
    {
        if (result.Tokens is [var token] && token.Value != JsonOutput.Stdout && Path.GetExtension(token.Value) is not (".json" or ".jsonl") && !token.Value.StartsWith("/dev/", StringComparison.Ordinal))
            result.AddError($"--json takes a file that ends in .json, not '{token.Value}'; write --json last to print to stdout");
    });

    /// <summary>Adds a validator that reports a value outside a range.</summary>
    internal static Option<T> WithRange<T>(Option<T> option, T least, T most)
        where T : struct, IComparable<T>, IParsable<T>
    {
        option.Validators.Add(result =>
        {
            // the parser says it better
            if (result.Tokens is not [var token] || token.Value.Contains(',', StringComparison.Ordinal) || !T.TryParse(token.Value, CultureInfo.InvariantCulture, out var value)) return;
            if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0 || (value is double number && double.IsNaN(number)))
                result.AddError(FormattableString.Invariant($"{option.Name} must be from {least} to {most}, not {value}"));
        });
        return option;
    }
}
