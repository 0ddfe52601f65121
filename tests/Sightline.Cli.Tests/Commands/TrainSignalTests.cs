using System.Diagnostics;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>What a real process does with Ctrl-C and with a disk that takes no more; both runs go on to the bits of an undisturbed one.</summary>
[Collection(Alone.Name)]
public sealed class TrainSignalTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private static readonly string[] Steps = ["--set", "stages[0].steps=4", "--set", "stages[1].steps=16", "--set", "stages[0].save_every=2", "--set", "stages[1].save_every=2", "--quiet"];
    private readonly TinyRecipe _recipe = new();

    public void Dispose() => _recipe.Dispose();

    [Fact]
    public async Task Ctrl_C_saves_and_the_same_command_goes_on_to_the_same_bits()
    {
        if (OperatingSystem.IsWindows()) return; // no signal can be sent to one process there
        using var process = Start(Tool(_recipe.Run()));
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var clock = Stopwatch.StartNew();
        while (!process.HasExited && !Saved(_recipe.Run()) && clock.Elapsed < Limit) await Task.Delay(5, TestContext.Current.CancellationToken);
        using (var kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Limit, TestContext.Current.CancellationToken);
        Assert.Equal(ExitCode.Interrupted, process.ExitCode);
        Assert.Contains($"stopped; saved in {_recipe.Run()}. The same command goes on from there: sightline train ", await error, StringComparison.Ordinal);
        await GoesOnToTheSameBits();
    }

    [Fact]
    public async Task A_disk_that_takes_no_more_ends_in_CannotWrite_and_loses_nothing()
    {
        if (!OperatingSystem.IsLinux()) return;

        // no file above 64 KiB: the log fits, the first checkpoint does not; writable code pages are files to the limit, too
        var limited = "trap '' XFSZ; ulimit -f 64; export DOTNET_EnableWriteXorExecute=0; exec " + string.Join(' ', Tool(_recipe.Run()).Select(part => $"'{part}'"));
        using var process = Start(["bash", "-c", limited]);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Limit, TestContext.Current.CancellationToken);
        var sentence = Assert.Single((await error).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal((int)ErrorKind.CannotWrite, process.ExitCode);
        Assert.StartsWith($"error: {_recipe.Run()}", sentence, StringComparison.Ordinal);
        Assert.Contains("cannot be written", sentence, StringComparison.Ordinal);
        Assert.False(Saved(_recipe.Run()));
        Assert.Empty(Directory.GetFiles(_recipe.Run(), "*.tmp", SearchOption.AllDirectories));
        await GoesOnToTheSameBits();
    }

    private async Task GoesOnToTheSameBits()
    {
        foreach (var run in new[] { _recipe.Run(), _recipe.Run("whole") })
        {
            var done = await CommandLineRun.Of(["train", _recipe.Path, "--output", run, .. Steps]);
            Assert.Equal((0, ""), (done.ExitCode, done.Warnings));
        }

        Assert.Equal(await File.ReadAllBytesAsync(TinyRecipe.Model(_recipe.Run("whole"))), await File.ReadAllBytesAsync(TinyRecipe.Model(_recipe.Run())));
    }

    private static bool Saved(string run) =>
        Directory.Exists(Path.Combine(run, "checkpoints")) && Directory.EnumerateFiles(Path.Combine(run, "checkpoints"), "*.safetensors").Any();

    private string[] Tool(string run) => ["dotnet", Path.Combine(AppContext.BaseDirectory, "Sightline.Cli.dll"), "train", _recipe.Path, "--output", run, .. Steps];

    private static Process Start(string[] command)
    {
        var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.BeginOutputReadLine(); // the table of results is nobody's here
        return process;
    }
}
