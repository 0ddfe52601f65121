using System.Diagnostics;
using System.Reflection;

namespace Sightline.Testing;

/// <summary>Runs some of an assembly's tests again in a child process: the runtime reads its switches, and a process chooses its engine, only at start.</summary>
internal static class TestProcess
{
    private const string ExpectedWidth = "SIGHTLINE_EXPECTED_SIMD_BITS";

    /// <summary>The switches of .NET for x64 that take register widths away, and the width in bits that is left.</summary>
    public static TheoryData<string, int> NarrowerWidths => new() { { "DOTNET_EnableAVX512", 256 }, { "DOTNET_EnableAVX2", 128 }, { "DOTNET_EnableHWIntrinsic", 0 } };

    /// <summary>In a child process of <see cref="PassesWithout"/>: the most bits that a register may have.</summary>
    public static int? WidestExpected => Environment.GetEnvironmentVariable(ExpectedWidth) is { } bits ? int.Parse(bits) : null;

    /// <summary>The chosen tests pass with one of <see cref="NarrowerWidths"/>; nothing is done on other processors or in a child process.</summary>
    public static async Task PassesWithout(Assembly assembly, string knob, int bits, params string[] arguments)
    {
        if (WidestExpected is not null || System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture != System.Runtime.InteropServices.Architecture.X64) return;
        await Passes(assembly, [(knob, "0"), (ExpectedWidth, bits.ToString())], arguments);
    }

    /// <summary>The chosen tests pass with these environment variables; <paramref name="arguments"/> are those of the xunit runner.</summary>
    public static async Task Passes(Assembly assembly, (string Name, string Value)[] environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(assembly.Location);
        else start.FileName = Path.ChangeExtension(assembly.Location, OperatingSystem.IsWindows() ? ".exe" : null);
        foreach (var argument in (string[])[.. arguments, "-parallel", "none"]) start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(child.ExitCode == 0, $"with {string.Join(' ', environment)}: exit code {child.ExitCode}\n{output}\n{await errors}");
        Assert.Contains("Failed: 0", output);
        Assert.DoesNotMatch(@"\bTotal: 0\b", output);
    }
}
