using System.Diagnostics;
using System.Reflection;
using System.Runtime.Intrinsics;

namespace Sightline.Tensors.Tests.Isa;

/// <summary>
/// Runs every test marked <c>[Trait("Isa", "each")]</c> again in a child process with one SIMD width switched off, because
/// vector bugs live in remainders and fallbacks. The runtime reads its DOTNET_Enable… switches only at start.
/// </summary>
public class IsaTests
{
    private const string ExpectedWidth = "SIGHTLINE_EXPECTED_SIMD_BITS";

    [Theory]
    [InlineData("DOTNET_EnableAVX512", 256)]
    [InlineData("DOTNET_EnableAVX2", 128)]
    [InlineData("DOTNET_EnableHWIntrinsic", 0)]
    public async Task Marked_tests_pass_without(string knob, int bits)
    {
        if (Environment.GetEnvironmentVariable(ExpectedWidth) is not null) return;
        if (System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture != System.Runtime.InteropServices.Architecture.X64) return;
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var assembly = Assembly.GetExecutingAssembly().Location;
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(assembly);
        else start.FileName = Path.ChangeExtension(assembly, OperatingSystem.IsWindows() ? ".exe" : null);
        foreach (var argument in (string[])["-trait", "Isa=each", "-parallel", "none"]) start.ArgumentList.Add(argument);
        start.Environment[knob] = "0";
        start.Environment[ExpectedWidth] = bits.ToString();
        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(child.ExitCode == 0, $"with {knob}=0: exit code {child.ExitCode}\n{output}\n{await errors}");
        Assert.Contains("Failed: 0", output);
    }

    /// <summary>In a child process: the switch did what its name says.</summary>
    [Fact]
    [Trait("Isa", "each")]
    public void The_widest_vector_is_the_expected_one()
    {
        if (Environment.GetEnvironmentVariable(ExpectedWidth) is not { } expected) return;
        var widest = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;
        Assert.True(widest <= int.Parse(expected), $"expected at most {expected} bits, got {widest}");
    }
}
