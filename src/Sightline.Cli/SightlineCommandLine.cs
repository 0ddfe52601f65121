using System.CommandLine;
using System.CommandLine.Help;
using Sightline.Cli.Commands;
using Sightline.Cli.Output;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Cli;

/// <summary>The tool from its arguments to its exit code.</summary>
internal static class SightlineCommandLine
{
    private const int HelpWidth = 110;

    /// <summary>Runs one command line in a process that is by itself.</summary>
    public static Task<int> RunAsync(string[] arguments, Terminal terminal, CancellationToken cancellation) => RunAsync(arguments, RankedProcess.Alone(terminal), cancellation);

    /// <summary>Runs one command line.</summary>
    public static async Task<int> RunAsync(string[] arguments, RankedProcess process, CancellationToken cancellation)
    {
        var terminal = process.Terminal;
        var verbose = new Option<bool>("--verbose") { Description = "Show the stack of an error", Recursive = true };
        var root = BuildRoot(process, verbose);
        var parsed = root.Parse(arguments.Length == 0 ? ["--help"] : arguments);
        terminal.CommandLine = Provenance.Quote(arguments);
        terminal.Verbose = parsed.GetValue(verbose);
        var asksForHelp = parsed.Action is ExampleHelpAction or { ClearsParseErrors: true };
        if (!asksForHelp && UnknownOption.Find(parsed) is { } unknown) return Refuse(parsed, terminal, unknown);
        if (parsed.Errors.Count > 0 && !asksForHelp) return Refuse(parsed, terminal, null);
        if (ThreadTeam.SettingProblem is { } setting) terminal.Hint($"warning: {setting}");
        try
        {
            if (process.HasOthers && !asksForHelp) Join(process, parsed);
            var configuration = new InvocationConfiguration
            {
                Output = terminal.Out,
                Error = terminal.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // signals are Interrupt's
            };
            if (parsed.CommandResult.Command is not DoctorCommand && !asksForHelp) EngineChoice.Apply();
            return await parsed.InvokeAsync(configuration, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested || process.Ranks.HasStopped)
        {
            terminal.Error.WriteLine("stopped");
            process.Stop();
            return ExitCode.Interrupted;
        }
        catch (Exception error)
        {
            return process.Fail((int)ExitCode.KindOf(error), ExitCode.Sentence(error), terminal.Verbose ? error.ToString() : null);
        }
    }

    /// <summary>The tree of commands.</summary>
    internal static RootCommand BuildRoot(RankedProcess process, Option<bool> verbose)
    {
        var root = new RootCommand("Sightline finds things in pictures: give it a picture and words, it gives boxes.") { HelpName = "sightline" };
        foreach (var command in CommandList.Create()) root.Add(command);
        root.Add(verbose);
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new ExampleHelpAction((HelpAction)help.Action!, HelpWidth);
        root.Options.OfType<VersionOption>().Single().Action = new VersionAction();
        Connect(root, process);
        return root;
    }

    /// <exception cref="SightlineException">Usage: the command has nothing to divide.</exception>
    private static void Join(RankedProcess process, ParseResult parsed)
    {
        if (parsed.CommandResult.Command is not ToolCommand { DividesItsWork: true })
            throw new SightlineException(ErrorKind.Usage, $"sightline {parsed.CommandResult.Command.Name} works in one process: start it without mpirun (train, data label and the evaluations of models divide their work)");
        process.Join();
        RankedArguments.RequireSame(process.Ranks, parsed);
    }

    private static void Connect(Command command, RankedProcess process)
    {
        if (command is ToolCommand tool) tool.Ranked = process;
        foreach (var option in command.Options) PlainNumbers.Use(option);
        foreach (var child in command.Subcommands) Connect(child, process);
    }

    private static int Refuse(ParseResult parsed, Terminal terminal, string? unknownOption)
    {
        var command = parsed.CommandResult.Command;
        var names = new List<string>();
        for (var result = parsed.CommandResult; result is not null; result = result.Parent as System.CommandLine.Parsing.CommandResult)
            names.Insert(0, result.Command is RootCommand ? "sightline" : result.Command.Name);
        // a group without its subcommand, or a word that is no command: the list of what there is says more than a sentence alone
        var choices = command.Subcommands.Count > 0 ? $" (one of: {string.Join(", ", command.Subcommands.Select(child => child.Name))})" : "";
        // the library names .NET types; a user thinks of numbers
        var problem = unknownOption ?? parsed.Errors[0].Message
            .Replace(" as expected type 'System.Int32'", ": a whole number is needed", StringComparison.Ordinal)
            .Replace(" as expected type 'System.UInt64'", ": a whole number from 0 is needed", StringComparison.Ordinal)
            .Replace(" as expected type 'System.Double'", ": a number is needed", StringComparison.Ordinal);
        var message = unknownOption is null && parsed.UnmatchedTokens is [var unknown, ..] ? $"'{unknown}' is no command or option here" : OneLine(problem);
        terminal.Error.WriteLine($"error: {message}{choices}; see {string.Join(' ', names)} --help");
        return (int)ErrorKind.Usage;
    }

    /// <summary>The library lists allowed values below each other, indented by tabs.</summary>
    private static string OneLine(string problem)
    {
        var lines = problem.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return (lines.Length < 2 ? problem : $"{lines[0]} {string.Join(", ", lines[1..])}").Trim().TrimEnd('.');
    }
}
