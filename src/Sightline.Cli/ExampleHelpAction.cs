using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Sightline.Cli;

/// <summary>
/// The library's help, with the command's examples below; a group shows one of each of its first commands. The width is fixed, so that help
/// reads the same everywhere.
/// </summary>
internal sealed class ExampleHelpAction : SynchronousCommandLineAction
{
    private const int MostOfAGroup = 5;
    private readonly HelpAction _inner;

    public ExampleHelpAction(HelpAction inner, int width)
    {
        _inner = inner;
        _inner.MaxWidth = width;
    }

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var code = _inner.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach (var example in ExamplesOf(parseResult.CommandResult.Command)) output.WriteLine($"  {example}");
        output.WriteLine();
        return code;
    }

    private static IEnumerable<string> ExamplesOf(Command command) => command is ToolCommand { Examples.Count: > 0 } tool
        ? tool.Examples
        : command.Subcommands.SelectMany(child => ExamplesOf(child).Take(1)).Take(MostOfAGroup);
}
