using Sightline.Cli.Output;

namespace Sightline.Cli.Tests;

public sealed class OutputFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_failed_write_leaves_the_old_content_and_nothing_else()
    {
        var path = Path.Combine(_folder, "out.json");
        File.WriteAllText(path, "old");
        Assert.Throws<SightlineException>(() => OutputFile.Write(path, stream =>
        {
            stream.WriteByte(1);
            throw new IOException("No space left on device");
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_file_too_large_for_its_file_system_is_CannotWrite()
    {
        var path = Path.Combine(_folder, "large.bin");
        var error = Assert.Throws<SightlineException>(() => OutputFile.Write(path, _ => throw new ArgumentOutOfRangeException("value", "Specified file length was too large for the file system.")));
        Assert.Equal(ErrorKind.CannotWrite, error.Kind);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void Folders_on_the_way_are_made()
    {
        var path = Path.Combine(_folder, "a", "b", "out.txt");
        OutputFile.Write(path, "x"u8);
        Assert.Equal("x", File.ReadAllText(path));
    }

    [Fact]
    public void A_full_disk_is_CannotWrite()
    {
        if (!File.Exists("/dev/full")) return; // Linux only: a device that is always full
        var error = Assert.Throws<SightlineException>(() => OutputFile.Write("/dev/full", new byte[1 << 16]));
        Assert.Equal(ErrorKind.CannotWrite, error.Kind);
        Assert.Contains("/dev/full", error.Message);
    }
}
