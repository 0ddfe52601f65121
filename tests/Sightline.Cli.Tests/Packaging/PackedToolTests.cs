using System.IO.Compression;
using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Packaging;

public class PackedToolTests(PackedToolFixture packed) : IClassFixture<PackedToolFixture>
{
    private const long LargestTool = 60L << 20; // the model (at most 30 MB) and the program

    [Fact]
    public void The_installed_tool_runs()
    {
        var run = packed.Run("--version");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Matches(@"^\d+\.\d+\.\d+", run.Out);
        Assert.Contains("Usage:\n  sightline [command] [options]", packed.Run("--help").Out.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void The_installed_tool_finds_things_with_the_model_and_the_samples_it_brings()
    {
        var ground = packed.Run("ground", Path.Combine(Fixtures.Root, "samples", "blood-smear.jpg"), "the white blood cell", "--output", "found.png", "--json");
        Assert.Equal((0, "wrote found.png"), (ground.ExitCode, ground.Error.Trim()));
        using var json = JsonDocument.Parse(ground.Out);
        Assert.NotEmpty(json.RootElement.GetProperty("answers")[0].GetProperty("detections").EnumerateArray());
        Assert.True(File.Exists(Path.Combine(packed.Folder, "empty", "found.png")));
        var demo = packed.Run("demo", "--output", "shown");
        Assert.Equal((0, ""), (demo.ExitCode, demo.Error));
        Assert.Equal(4, Directory.GetFiles(Path.Combine(packed.Folder, "empty", "shown"), "*.boxes.jpg").Length);
    }

    [Fact]
    public void Errors_keep_their_exit_code_through_the_launcher() =>
        Assert.Equal((int)ErrorKind.NotFound, packed.Run("inspect", "checkpoint", "nothing.safetensors").ExitCode);

    [Fact]
    public void Every_package_carries_readme_and_notices()
    {
        var packages = Directory.GetFiles(packed.Packages, "*.nupkg");
        Assert.Superset(new HashSet<string> { "Sightline", "Sightline.Tensors", "Sightline.Tensors.LibTorch", "Sightline.Training", "Sightline.Cli" }, packages.Select(NameOf).ToHashSet());
        foreach (var package in packages)
        {
            using var archive = ZipFile.OpenRead(package);
            Assert.Contains(archive.Entries, entry => entry.FullName == "README.md");
            Assert.Contains(archive.Entries, entry => entry.FullName == "THIRD-PARTY-NOTICES.md");
            Assert.InRange(new FileInfo(package).Length, 1, LargestTool);
        }
    }

    [Fact]
    public void Libraries_bring_only_their_own_assembly()
    {
        foreach (var name in (string[])["Sightline", "Sightline.Tensors", "Sightline.Tensors.LibTorch", "Sightline.Training"])
        {
            using var archive = ZipFile.OpenRead(Assert.Single(Directory.GetFiles(packed.Packages, "*.nupkg"), package => NameOf(package) == name));
            Assert.Equal([$"lib/net10.0/{name}.dll"], archive.Entries.Select(entry => entry.FullName).Where(entry => entry.EndsWith(".dll", StringComparison.Ordinal)));
            Assert.Contains(archive.Entries, entry => entry.FullName == $"lib/net10.0/{name}.xml");
        }
    }

    /// <summary>Sightline.Tensors.0.1.0.nupkg to Sightline.Tensors.</summary>
    private static string NameOf(string package) =>
        string.Join('.', Path.GetFileNameWithoutExtension(package).Split('.').TakeWhile(part => !char.IsAsciiDigit(part[0])));
}
