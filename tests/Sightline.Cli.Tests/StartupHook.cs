/// <summary>What .NET calls before the tool's first line where DOTNET_STARTUP_HOOKS names this assembly; the runtime wants this name, without a namespace.</summary>
internal static class StartupHook
{
    public static void Initialize() => Sightline.Cli.Tests.KillPoint.Arm();
}
