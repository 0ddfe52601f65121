using FsCheck;
using FsCheck.Fluent;
using Sightline.Imaging;
using Sightline.Imaging.Vips;
using Sightline.Tensors;
using Sightline.Testing;

namespace Sightline.Tests.Imaging;

public class HostileFilesTests
{
    private static readonly byte[][] Valid =
    [
        .. new[]
        {
            ("reference", "jpeg/baseline_420.jpg"), ("reference", "jpeg/progressive_420.jpg"), ("reference", "jpeg/orientation_6.jpg"), ("reference", "png/rgb8.png"),
            ("reference", "png/palette4_interlaced.png"), ("reference", "png/grey_alpha16.png"), ("formats", "lossy.webp"), ("formats", "orientation6.webp"),
            ("formats", "palette.gif"), ("formats", "animated.gif"), ("formats", "lzw.tiff"), ("formats", "cmyk.tiff"), ("formats", "rgb24.bmp"), ("formats", "rle8.bmp"), ("formats", "rgb565.bmp"),
        }.Select(f => File.ReadAllBytes(Fixtures.Path("images", f.Item1, f.Item2))),
    ];

    [Fact]
    public void MutatedFilesGiveAPictureOrOneErrorNeverACrash()
    {
        var options = new PictureReadOptions { MaxPixels = 4_000_000 };
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var random = new RandomStream((ulong)seed);
            var bytes = Mutate(random.Choose(Valid), random);
            try
            {
                var picture = Picture.Decode(bytes, options, "mutant");
                return (long)picture.Width * picture.Height <= options.MaxPixels;
            }
            catch (SightlineException error)
            {
                return error.Kind == ErrorKind.BadPicture && error.Message.StartsWith("mutant", StringComparison.Ordinal) && !error.Message.Contains('\n');
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void FoldersMissingFilesAndLimitsAreNamed()
    {
        var folder = Directory.CreateTempSubdirectory("sightline-hostile").FullName;
        try
        {
            AssertFails(ErrorKind.BadPicture, folder, "folder");
            AssertFails(ErrorKind.NotFound, Path.Combine(folder, "none.jpg"), "no such");
            AssertFails(ErrorKind.NotFound, Path.Combine(folder, "no", "none.jpg"), "no such");
            var file = Path.Combine(folder, "a.jpg");
            File.WriteAllBytes(file, "GIF89a\x01\0\x01\0\0\0\0;"u8.ToArray());
            AssertFails(ErrorKind.BadPicture, file, "Gif"); // no frame at all
            File.WriteAllBytes(file, Valid[3]);
            AssertFails(ErrorKind.BadPicture, file, "limit of 1000 bytes", new PictureReadOptions { MaxFileBytes = 1000 }, "limit of 1000");
            AssertFails(ErrorKind.BadPicture, file, "37 x 29", new PictureReadOptions { MaxPixels = 37 * 29 - 1 });
            Assert.Equal(37, Picture.Load(file, new PictureReadOptions { MaxPixels = 37 * 29 }).Width);
            using var endless = new MemoryStream(Valid[3]);
            Assert.Equal(ErrorKind.BadPicture, Assert.Throws<SightlineException>(() => Picture.Decode(endless, new PictureReadOptions { MaxFileBytes = 1000 })).Kind);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void AMissingLibrarySaysWhatToInstall()
    {
        var message = VipsLibrary.MissingMessage("libvips.so.42");
        Assert.Contains("apt-get install --no-install-recommends libvips42", message);
        Assert.Contains(VipsLibrary.PathVariable, message);
    }

    [Fact]
    public void ManyThreadsDecodeTheSame()
    {
        var expected = Valid.Select(v => Picture.Decode(v).Pixels.ToArray()).ToArray();
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => Assert.Equal(expected[i % Valid.Length], Picture.Decode(Valid[i % Valid.Length]).Pixels.ToArray()));
    }

    private static void AssertFails(ErrorKind kind, string path, string contains, PictureReadOptions? options = null, string? or = null)
    {
        var error = Assert.Throws<SightlineException>(() => Picture.Load(path, options));
        Assert.Equal(kind, error.Kind);
        Assert.Contains(path, error.Message);
        Assert.True(error.Message.Contains(contains, StringComparison.Ordinal) || (or is not null && error.Message.Contains(or, StringComparison.Ordinal)), error.Message);
    }

    /// <summary>Flips, overwrites with extreme values, cuts, repeats or joins.</summary>
    private static byte[] Mutate(byte[] source, RandomStream random)
    {
        var bytes = source.ToArray();
        var count = 1 + random.NextInt(12);
        for (var i = 0; i < count; i++)
        {
            var at = random.NextBool() ? random.NextInt(Math.Min(bytes.Length, 128)) : random.NextInt(bytes.Length);
            bytes[at] = random.NextInt(4) switch { 0 => 0, 1 => 255, 2 => (byte)(bytes[at] ^ (1 << random.NextInt(8))), _ => (byte)random.NextInt(256) };
        }

        return random.NextInt(5) switch
        {
            0 => bytes[..(1 + random.NextInt(bytes.Length))],
            1 => [.. bytes, .. bytes.AsSpan(random.NextInt(bytes.Length))],
            2 => [.. bytes.AsSpan(0, random.NextInt(bytes.Length)), .. bytes.AsSpan(random.NextInt(bytes.Length))],
            _ => bytes,
        };
    }
}
