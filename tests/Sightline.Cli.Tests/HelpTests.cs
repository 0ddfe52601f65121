using System.CommandLine;
using Sightline.Cli.Output;
using Sightline.Testing;

namespace Sightline.Cli.Tests;

/// <summary>
/// The help of every command equals tests/fixtures/cli/help/NAME.txt. To accept a change: SIGHTLINE_WRITE_GOLDENS=1, run
/// these tests, read the difference.
/// </summary>
public class HelpTests
{
    public static TheoryData<string> CommandPaths => [.. Paths(Root(), "")];

    [Theory]
    [MemberData(nameof(CommandPaths))]
    public async Task Help_reads_as_recorded(string path)
    {
        var run = await CommandLineRun.Of([.. path.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        Assert.Equal(0, run.ExitCode);
        Assert.Equal("", run.Error);
        var golden = Fixtures.Path("cli", "help", (path.Length == 0 ? "sightline" : path.Replace(' ', '-')) + ".txt");
        if (Environment.GetEnvironmentVariable("SIGHTLINE_WRITE_GOLDENS") == "1") await File.WriteAllTextAsync(golden, run.Out);
        Assert.Equal(await File.ReadAllTextAsync(golden), run.Out);
    }

    [Fact]
    public void No_golden_is_left_over()
    {
        var expected = Paths(Root(), "").Select(path => path.Length == 0 ? "sightline" : path.Replace(' ', '-')).Order();
        var there = Directory.GetFiles(Fixtures.Path("cli", "help")).Select(file => Path.GetFileNameWithoutExtension(file)).Order();
        Assert.Equal(expected, there);
    }

    [Fact]
    public void Every_command_that_does_something_has_an_example() =>
        Assert.All(Leaves(Root()), command => Assert.NotEmpty(Assert.IsAssignableFrom<ToolCommand>(command).Examples));

    [Fact]
    public void Examples_are_valid_command_lines()
    {
        foreach (var example in Leaves(Root()).Cast<ToolCommand>().SelectMany(command => command.Examples))
        {
            var parsed = Root().Parse(example[(example.IndexOf("sightline ", StringComparison.Ordinal) + "sightline ".Length)..]);
            Assert.True(parsed.Errors.Count == 0, $"{example}: {string.Join("; ", parsed.Errors.Select(error => error.Message))}");
        }
    }

    [Fact]
    public async Task Without_arguments_the_tool_explains_itself()
    {
        var run = await CommandLineRun.Of();
        Assert.Equal(0, run.ExitCode);
        Assert.Equal((await CommandLineRun.Of("--help")).Out, run.Out);
    }

    private static RootCommand Root() =>
        SightlineCommandLine.BuildRoot(RankedProcess.Alone(new Terminal(TextWriter.Null, TextWriter.Null, isInteractive: false)), new Option<bool>("--verbose") { Recursive = true });

    private static IEnumerable<string> Paths(Command command, string path) =>
        command.Subcommands.SelectMany(child => Paths(child, $"{path} {child.Name}".TrimStart())).Prepend(path);

    private static IEnumerable<Command> Leaves(Command command) =>
        command.Subcommands.Count == 0 ? [command] : command.Subcommands.SelectMany(Leaves);
}
