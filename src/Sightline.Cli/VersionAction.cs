using System.CommandLine;
using System.CommandLine.Invocation;

namespace Sightline.Cli;

/// <summary><c>--version</c>: the version alone.</summary>
internal sealed class VersionAction : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        parseResult.InvocationConfiguration.Output.WriteLine(BuildInformation.Version);
        return ExitCode.Success;
    }
}
