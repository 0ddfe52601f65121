using System.Diagnostics;
using System.Reflection;

namespace Sightline.Tensors.Tests.Engines;

/// <summary>The seam is an engine's whole duty: what passes on the processor passes on every other engine.</summary>
public class OtherEngineTests
{
    /// <summary>Runs every test marked <c>[Trait("Engine", "each")]</c> in a child process whose tensors are made by another engine.</summary>
    [Theory]
    [MemberData(nameof(TestEngines.Others), MemberType = typeof(TestEngines))]
    public async Task The_operation_tests_pass_on(string engine)
    {
        if (Environment.GetEnvironmentVariable(TestEngines.Variable) is not null) return;
        var assembly = Assembly.GetExecutingAssembly().Location;
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(assembly);
        else start.FileName = Path.ChangeExtension(assembly, OperatingSystem.IsWindows() ? ".exe" : null);
        foreach (var argument in (string[])["-trait", "Engine=each", "-trait-", "Engine=cpu", "-parallel", "none"]) start.ArgumentList.Add(argument);
        start.Environment[TestEngines.Variable] = engine;
        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(child.ExitCode == 0, $"on {engine}: exit code {child.ExitCode}\n{output}\n{await errors}");
        Assert.Contains("Failed: 0", output);
    }
}
