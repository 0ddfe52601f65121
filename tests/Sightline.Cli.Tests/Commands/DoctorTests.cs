using System.Text.Json;
using Sightline.Tensors.LibTorch;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary><c>sightline doctor</c> on machines with and without libtorch, and the choice of the engine.</summary>
[Collection(Alone.Name)]
public sealed class DoctorTests : IDisposable
{
    private readonly (string Name, string? Value)[] _before = [.. new[] { "SIGHTLINE_ENGINE", "SIGHTLINE_DEVICE", "LIBTORCH", "SIGHTLINE_NCCL", "SIGHTLINE_MPI", "SIGHTLINE_MODEL" }.Select(name => (name, Environment.GetEnvironmentVariable(name)))];

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

    [Fact]
    public async Task A_named_NCCL_that_is_not_there_is_a_problem()
    {
        Environment.SetEnvironmentVariable("SIGHTLINE_NCCL", "/nowhere");
        var run = await CommandLineRun.Of("doctor", "--json");
        Assert.Equal((int)ErrorKind.MissingLibrary, run.ExitCode);
        var nccl = JsonDocument.Parse(run.Out).RootElement.GetProperty("NCCL");
        Assert.False(nccl.GetProperty("ok").GetBoolean());
        Assert.Equal("no libnccl.so.2 at /nowhere (SIGHTLINE_NCCL): give the file, its folder, or none", nccl.GetProperty("value").GetString());
        Assert.Equal(["not at /nowhere (SIGHTLINE_NCCL)"], nccl.GetProperty("details").EnumerateArray().Select(place => place.GetString()));
    }

    [Fact]
    public async Task A_named_Open_MPI_that_is_not_there_is_a_problem()
    {
        Environment.SetEnvironmentVariable("SIGHTLINE_MPI", "/nowhere/libmpi.so.40");
        var run = await ToolProcess.Run(null, "doctor"); // a process looks once
        Assert.Equal((int)ErrorKind.MissingLibrary, run.ExitCode);
        Assert.Contains("/nowhere/libmpi.so.40", run.Sentence);
    }

    [Fact]
    public async Task Without_NCCL_processes_on_GPUs_go_through_the_hosts_memory()
    {
        Environment.SetEnvironmentVariable("SIGHTLINE_NCCL", "none");
        var run = await CommandLineRun.Of("doctor", "--json");
        Assert.Equal(0, run.ExitCode);
        var nccl = JsonDocument.Parse(run.Out).RootElement.GetProperty("NCCL");
        Assert.True(nccl.GetProperty("ok").GetBoolean());
        Assert.Equal("none: SIGHTLINE_NCCL is none; processes on GPUs exchange gradients through the host's memory", nccl.GetProperty("value").GetString());
        Assert.Empty(nccl.GetProperty("details").EnumerateArray());
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

    [Fact]
    public async Task Doctor_does_not_say_that_all_is_done_without_what_it_misses()
    {
        Environment.SetEnvironmentVariable("LIBTORCH", "/nowhere");
        Environment.SetEnvironmentVariable("SIGHTLINE_ENGINE", "libtorch");
        var run = await CommandLineRun.Of("doctor");
        Assert.DoesNotContain("managed engine does all work", run.Out);
        Assert.DoesNotContain("sightline doctor", run.Error);
    }

    [Fact]
    public async Task All_that_is_missing_is_said_and_the_engine_counts_most()
    {
        Environment.SetEnvironmentVariable("SIGHTLINE_MODEL", "/no/model");
        Assert.Equal((int)ErrorKind.NotFound, (await CommandLineRun.Of("doctor")).ExitCode);
        Environment.SetEnvironmentVariable("SIGHTLINE_NCCL", "/nowhere");
        Assert.Equal((int)ErrorKind.MissingLibrary, (await CommandLineRun.Of("doctor")).ExitCode);
        Environment.SetEnvironmentVariable("SIGHTLINE_ENGINE", "torch");
        var run = await CommandLineRun.Of("doctor");
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Matches("engine: SIGHTLINE_ENGINE is 'torch'.*; NCCL: no libnccl.*; model: .*/no/model", run.Sentence);
    }

    [Fact]
    public async Task A_library_that_is_cut_short_is_a_sentence()
    {
        if (!OperatingSystem.IsLinux()) return;
        var folder = Directory.CreateTempSubdirectory("sightline-").FullName;
        var whole = await File.ReadAllBytesAsync(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so"), TestContext.Current.CancellationToken);
        foreach (var name in (string[])[LibTorchSearch.FileName, "libnccl.so.2", "libmpi.so.40"]) await File.WriteAllBytesAsync(Path.Combine(folder, name), whole[..40_000], TestContext.Current.CancellationToken);
        Environment.SetEnvironmentVariable("SIGHTLINE_ENGINE", "libtorch");
        Environment.SetEnvironmentVariable("LIBTORCH", folder);
        Environment.SetEnvironmentVariable("SIGHTLINE_NCCL", folder);
        Environment.SetEnvironmentVariable("SIGHTLINE_MPI", Path.Combine(folder, "libmpi.so.40"));
        var run = await ToolProcess.Run(null, "doctor");
        Directory.Delete(folder, recursive: true);
        Assert.Equal((int)ErrorKind.MissingLibrary, run.ExitCode);
        Assert.Equal(3, run.Sentence.Split($"the file is incomplete: its header speaks of {whole.Length} bytes and the file has 40000: copy or download it again").Length - 1);
    }

    [Fact]
    public void A_full_GPU_is_one_line()
    {
        Environment.SetEnvironmentVariable("SIGHTLINE_ENGINE", "libtorch");
        Environment.SetEnvironmentVariable("SIGHTLINE_DEVICE", "cuda:0");
        var findings = EngineFindings.Look(device => device.IsCuda ? throw new OutOfMemoryException("CUDA error: out of memory\nsome advice") : throw new LibTorchException("no libtorch"));
        Assert.Equal(ErrorKind.OutOfMemory, findings.Problem!.Kind);
        Assert.Equal("cuda:0 has no memory left to begin with: end what else uses it, or set SIGHTLINE_DEVICE to another (CUDA error: out of memory some advice)", findings.Engine);
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
