using System.Text.Json;
using Sightline.Tensors.LibTorch;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary><c>sightline doctor</c> on machines with and without libtorch, and the choice of the engine.</summary>
[Collection(Alone.Name)]
public sealed class DoctorTests : IDisposable
{
    private readonly (string Name, string? Value)[] _before = [.. new[] { "SIGHTLINE_ENGINE", "SIGHTLINE_DEVICE", "LIBTORCH", "SIGHTLINE_NCCL" }.Select(name => (name, Environment.GetEnvironmentVariable(name)))];

    public void Dispose()
    {
        foreach (var (name, value) in _before) Environment.SetEnvironmentVariable(name, value);
    }

    [Fact]
    public async Task Without_libtorch_everything_else_is_well()
    {
        Environment.SetEnvironmentVariable("LIBTORCH", "/nowhere");
        var run = await CommandLineRun.Of("doctor", "--json");
        Assert.Equal(0, run.ExitCode);
        var findings = JsonDocument.Parse(run.Out).RootElement;
        Assert.StartsWith("managed, on the processor", findings.GetProperty("engine").GetProperty("value").GetString());
        var libtorch = findings.GetProperty("libtorch");
        Assert.True(libtorch.GetProperty("ok").GetBoolean());
        Assert.StartsWith("none: no ", libtorch.GetProperty("value").GetString());
        Assert.Equal(["not in /nowhere (LIBTORCH)"], libtorch.GetProperty("details").EnumerateArray().Select(place => place.GetString()));
        Assert.StartsWith("none", findings.GetProperty("GPU").GetProperty("value").GetString());
    }

    [Fact]
    public async Task A_libtorch_that_cannot_be_loaded_is_found_with_the_reason()
    {
        var folder = Directory.CreateTempSubdirectory("sightline-").FullName;
        var file = Path.Combine(folder, LibTorchSearch.FileName);
        await File.WriteAllTextAsync(file, new string('x', 4096), TestContext.Current.CancellationToken);
        Environment.SetEnvironmentVariable("LIBTORCH", folder);
        var run = await CommandLineRun.Of("doctor", "--json");
        Directory.Delete(folder, recursive: true);
        Assert.Equal(0, run.ExitCode);
        var libtorch = JsonDocument.Parse(run.Out).RootElement.GetProperty("libtorch");
        Assert.StartsWith($"none: {file} cannot be loaded: ", libtorch.GetProperty("value").GetString());
        Assert.DoesNotContain("LD_DEBUG", libtorch.GetProperty("value").GetString());
        Assert.Equal([$"found {file} (LIBTORCH)"], libtorch.GetProperty("details").EnumerateArray().Select(place => place.GetString()));
    }

    [Fact]
    public async Task Open_MPI_is_found_or_said_to_be_missing_without_harm()
    {
        var findings = JsonDocument.Parse((await CommandLineRun.Of("doctor", "--json")).Out).RootElement;
        var mpi = findings.GetProperty("several processes");
        Assert.True(mpi.GetProperty("ok").GetBoolean());
        Assert.True(mpi.GetProperty("value").GetString()!.StartsWith("Open MPI ", StringComparison.Ordinal), "Open MPI was not found: run eng/install-openmpi.sh");
    }

    [Theory]
    [InlineData("/nowhere", "no libnccl.so.2 at /nowhere (SIGHTLINE_NCCL): give the file, its folder, or none", "not at /nowhere (SIGHTLINE_NCCL)")]
    [InlineData("none", "SIGHTLINE_NCCL is none")]
    public async Task Without_NCCL_processes_on_GPUs_go_through_the_hosts_memory(string named, string reason, params string[] looked)
    {
        Environment.SetEnvironmentVariable("SIGHTLINE_NCCL", named);
        var run = await CommandLineRun.Of("doctor", "--json");
        Assert.Equal(0, run.ExitCode);
        var nccl = JsonDocument.Parse(run.Out).RootElement.GetProperty("NCCL");
        Assert.True(nccl.GetProperty("ok").GetBoolean());
        Assert.Equal($"none: {reason}; processes on GPUs exchange gradients through the host's memory", nccl.GetProperty("value").GetString());
        Assert.Equal(looked, nccl.GetProperty("details").EnumerateArray().Select(place => place.GetString()));
    }

    [Fact]
    public async Task The_table_names_every_place_that_was_looked_at()
    {
        Environment.SetEnvironmentVariable("LIBTORCH", "/nowhere");
        var run = await CommandLineRun.Of("doctor");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("not in /nowhere (LIBTORCH)", run.Out);
    }

    [Fact]
    public async Task An_engine_that_is_asked_for_and_missing_is_a_problem()
    {
        Environment.SetEnvironmentVariable("LIBTORCH", "/nowhere");
        Environment.SetEnvironmentVariable("SIGHTLINE_ENGINE", "libtorch");
        foreach (var command in (string[][])[["doctor"], ["presets"]])
        {
            var run = await CommandLineRun.Of(command);
            Assert.Equal((int)ErrorKind.MissingLibrary, run.ExitCode);
            Assert.Contains("/nowhere", run.Error);
        }
    }

    [Theory]
    [InlineData("torch", null, "SIGHTLINE_ENGINE is 'torch': there are cpu and libtorch")]
    [InlineData("libtorch", "gpu", "SIGHTLINE_DEVICE is 'gpu': there are cpu, cuda and cuda:N")]
    [InlineData("cpu", "cuda:1", "SIGHTLINE_DEVICE is 'cuda:1', but the managed engine computes on the processor: set SIGHTLINE_ENGINE=libtorch")]
    public async Task A_name_that_is_none_is_said_so(string engine, string? device, string sentence)
    {
        Environment.SetEnvironmentVariable("SIGHTLINE_ENGINE", engine);
        Environment.SetEnvironmentVariable("SIGHTLINE_DEVICE", device);
        var run = await CommandLineRun.Of("presets");
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Contains(sentence, run.Error);
    }
}
