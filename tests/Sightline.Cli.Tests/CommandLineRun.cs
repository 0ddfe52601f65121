using Sightline.Cli.Output;

namespace Sightline.Cli.Tests;

/// <summary>One run of the tool inside the test process, through the real command line.</summary>
internal sealed record CommandLineRun(int ExitCode, string Out, string Error)
{
    public static async Task<CommandLineRun> Of(params string[] arguments) => await Of(CancellationToken.None, arguments);

    public static async Task<CommandLineRun> Of(CancellationToken cancellation, params string[] arguments)
    {
        var output = new StringWriter { NewLine = "\n" };
        var error = new StringWriter { NewLine = "\n" };
        var code = await SightlineCommandLine.RunAsync(arguments, new Terminal(output, error, isInteractive: false), cancellation);
        return new CommandLineRun(code, output.ToString(), error.ToString());
    }

    /// <summary>What stderr says beside the files that were written.</summary>
    public string Warnings => string.Concat(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith("wrote ", StringComparison.Ordinal)).Select(line => line + "\n"));

    /// <summary>The only line of stderr.</summary>
    public string Sentence => Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
}
