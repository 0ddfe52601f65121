using System.Diagnostics;
using Sightline.Imaging;
using Sightline.Testing;

namespace Sightline.Cli.Tests;

/// <summary>Exit codes that depend on the process itself: a library that is not there, memory that does not suffice.</summary>
public sealed class ExitCodeProcessTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Without_libvips_a_picture_ends_with_10_and_what_to_install()
    {
        var (code, error) = await Run("SIGHTLINE_LIBVIPS", "/nowhere/libvips.so.42", "inspect", "pixels", Fixtures.Path("images", "qwen", "photo.png"), "--model", Fixtures.Path("models", "tiny-qwen2-vl"), "--output", Path.Combine(_folder, "x.safetensors"));
        Assert.Equal((int)ErrorKind.MissingLibrary, code);
        Assert.Contains("libvips is needed", Assert.Single(error), StringComparison.Ordinal);
        Assert.Contains("/nowhere/libvips.so.42", error[0], StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public async Task A_picture_that_does_not_fit_into_memory_ends_with_12()
    {
        var picture = Path.Combine(_folder, "large.png");
        new Picture(6000, 4000, new byte[6000 * 4000 * 3]).Save(picture); // 72 MB of pixels
        var (code, error) = await Run("DOTNET_GCHeapHardLimit", "0x3000000", "inspect", "pixels", picture, "--model", Fixtures.Path("models", "tiny-qwen2-vl"), "--output", Path.Combine(_folder, "x.safetensors"));
        Assert.Equal((int)ErrorKind.OutOfMemory, code);
        Assert.Contains("not enough memory for 6000 x 4000 pixels", Assert.Single(error), StringComparison.Ordinal);
        Assert.Equal([picture], Directory.GetFiles(_folder));
    }

    private static async Task<(int Code, string[] Error)> Run(string variable, string value, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Sightline.Cli.dll"), .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment[variable] = value;
        using var process = Process.Start(start)!;
        process.BeginOutputReadLine();
        var error = await process.StandardError.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(4));
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(4));
        return (process.ExitCode, error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
