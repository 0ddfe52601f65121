using System.Security.Cryptography;
using System.Text.Json;
using Sightline.Checkpoints;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

public sealed class InspectPixelsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sightline-pixels-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Patches_of_a_Qwen_model_are_those_of_the_reference()
    {
        var output = Path.Combine(_folder.FullName, "pixels.safetensors");
        var run = await CommandLineRun.Of("inspect", "pixels", Fixtures.Path("images", "qwen", "photo.png"), "--model", Fixtures.Path("models", "tiny-qwen2-vl"), "--output", output);
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        Assert.Contains("resized: 224 x 168\npatches: 1 x 12 x 16, 48 image tokens\npixel values [192, 1176]", run.Out, StringComparison.Ordinal);
        using var golden = JsonDocument.Parse(File.ReadLines(Fixtures.Path("images", "qwen", "cases.jsonl")).First());
        using var file = SafetensorsFile.Open(output);
        Assert.Equal(golden.RootElement.GetProperty("pil").GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(file.Raw(file["pixel_values"]))));
    }
}
