using System.Reflection;

namespace Sightline.Cli;

/// <summary>What this binary was built from.</summary>
internal static class BuildInformation
{
    private static readonly string Informational =
        typeof(BuildInformation).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";

    /// <summary>The package version, such as 0.1.0.</summary>
    public static string Version => Informational.Split('+')[0];

    /// <summary>The commit, or "unknown" for a build outside a checkout.</summary>
    public static string Commit => Informational.Split('+') is [_, var commit] ? commit : "unknown";
}
