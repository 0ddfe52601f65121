using System.Diagnostics;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Packaging;

/// <summary>Packs everything once, and installs the tool from the packed files alone (no other source is reachable).</summary>
public sealed class PackedToolFixture : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public PackedToolFixture()
    {
        Folder = Directory.CreateTempSubdirectory("sightline-pack-").FullName;
        foreach (var project in (string[])["Sightline.Tensors", "Sightline.Tensors.LibTorch", "Sightline", "Sightline.Training", "Sightline.Cli"])
            Dotnet("pack", Path.Combine(Fixtures.Root, "src", project), "-c", "Release", "--no-restore", "-o", Packages, "-v", "q", "--nologo");
        var config = Path.Combine(Folder, "nuget.config");
        File.WriteAllText(config, $"<configuration><packageSources><clear /><add key=\"packed\" value=\"{Packages}\" /></packageSources></configuration>");
        Dotnet("tool", "install", "Sightline.Cli", "--tool-path", Path.Combine(Folder, "tool"), "--configfile", config);
    }

    public string Folder { get; }

    public string Packages => Path.Combine(Folder, "packages");

    public string Tool => Path.Combine(Folder, "tool", OperatingSystem.IsWindows() ? "sightline.exe" : "sightline");

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>Runs the installed tool in an empty folder, so that nothing of the checkout is found by accident.</summary>
    public (int ExitCode, string Out, string Error) Run(params string[] arguments)
    {
        var empty = Directory.CreateDirectory(Path.Combine(Folder, "empty")).FullName;
        return Start(Tool, empty, arguments);
    }

    private void Dotnet(params string[] arguments)
    {
        var (code, output, error) = Start("dotnet", Folder, arguments);
        Assert.True(code == 0, $"dotnet {string.Join(' ', arguments)} ended with {code}\n{output}\n{error}");
    }

    private (int ExitCode, string Out, string Error) Start(string program, string folder, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_CLI_HOME"] = Folder;
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["NUGET_PACKAGES"] = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        start.Environment.Remove("SIGHTLINE_MODEL");
        foreach (var name in start.Environment.Keys.Where(key => key.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList()) start.Environment.Remove(name); // the test host's own
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end");
        }

        return (process.ExitCode, output.Result, error.Result);
    }
}
