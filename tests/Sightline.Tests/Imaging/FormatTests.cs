using Sightline.Imaging;
using Sightline.Testing;

namespace Sightline.Tests.Imaging;

public class FormatTests
{
    private static readonly string Folder = Fixtures.Path("images", "formats");

    public static TheoryData<string> Files =>
        [.. Directory.GetFiles(Folder).Select(f => Path.GetFileName(f)).Where(f => !f.EndsWith(".rgb.png", StringComparison.Ordinal) && Path.GetExtension(f) is not (".py" or ".md")).Order()];

    [Theory]
    [MemberData(nameof(Files))]
    public void EqualsTheReference(string file)
    {
        var expected = Picture.Load(Path.Combine(Folder, file + ".rgb.png"));
        var actual = Picture.Load(Path.Combine(Folder, file));
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        var worst = 0;
        for (var i = 0; i < expected.Pixels.Length; i++) worst = Math.Max(worst, Math.Abs(expected.Pixels[i] - actual.Pixels[i]));
        Assert.True(worst <= (file == "lossy.webp" ? 2 : 0), $"differs by {worst}");

        var header = PictureHeader.Read(Path.Combine(Folder, file));
        Assert.Equal((expected.Width, expected.Height), (header.UprightWidth, header.UprightHeight));
        Assert.Equal(Path.GetExtension(file)[1..], header.Format.ToString().ToLowerInvariant());
    }
}
