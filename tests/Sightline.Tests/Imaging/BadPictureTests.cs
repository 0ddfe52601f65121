using System.Text.Json;
using Sightline.Imaging;
using Sightline.Testing;

namespace Sightline.Tests.Imaging;

public class BadPictureTests
{
    private static readonly string Folder = Fixtures.Path("images", "reference", "bad_images");

    public static TheoryData<string, string> Files
    {
        get
        {
            using var manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "manifest.json")));
            var data = new TheoryData<string, string>();
            foreach (var file in manifest.RootElement.GetProperty("files").EnumerateArray())
                data.Add(file.GetProperty("file").GetString()!, file.GetProperty("expected").GetString()!);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void DamagedFilesEndInOneClearSentence(string file, string expected)
    {
        var path = Path.Combine(Folder, file);
        var before = GC.GetAllocatedBytesForCurrentThread();
        SightlineException? error = null;
        try
        {
            Picture.Load(path);
        }
        catch (SightlineException caught)
        {
            error = caught;
        }

        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 4_000_000, "allocated by a declared size");
        if (expected == "decode") Assert.Null(error);
        if (expected == "clean error") Assert.NotNull(error);
        if (error is null) return;
        Assert.Equal(ErrorKind.BadPicture, error.Kind);
        Assert.Contains(path, error.Message);
        Assert.DoesNotContain('\n', error.Message);
        Assert.True(error.Message.Length < path.Length + 320, error.Message);
    }
}
