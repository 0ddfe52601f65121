using Sightline.Imaging;
using Sightline.Tensors;

namespace Sightline.Tests.Imaging;

public class EncodeTests
{
    [Theory]
    [InlineData(PictureFormat.Png, 90, 0)]
    [InlineData(PictureFormat.WebP, 100, 0)]
    [InlineData(PictureFormat.Jpeg, 95, 12)]
    [InlineData(PictureFormat.WebP, 95, 12)]
    public void RoundTrip(PictureFormat format, int quality, int tolerance)
    {
        var picture = Smooth(61, 43);
        var encoded = picture.Encode(format, quality);
        Assert.Equal(format, PictureHeader.Read(encoded).Format);
        var decoded = Picture.Decode(encoded);
        Assert.Equal((61, 43), (decoded.Width, decoded.Height));
        for (var i = 0; i < picture.Pixels.Length; i++) Assert.True(Math.Abs(picture.Pixels[i] - decoded.Pixels[i]) <= tolerance, $"sample {i}");
    }

    [Fact]
    public void SaveLoadStreamAndNothingHalfWritten()
    {
        var folder = Directory.CreateTempSubdirectory("sightline-pictures").FullName;
        try
        {
            var picture = Smooth(20, 10);
            var path = Path.Combine(folder, "a.png");
            picture.Save(path);
            Assert.Equal(picture.Pixels, Picture.Load(path).Pixels);
            using var stream = File.OpenRead(path);
            Assert.Equal(picture.Pixels, Picture.Decode(stream).Pixels);
            Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => picture.Save(Path.Combine(folder, "a.tiff"))).Kind);
            Assert.Equal(ErrorKind.CannotWrite, Assert.Throws<SightlineException>(() => picture.Save(Path.Combine(path, "below-a-file.png"))).Kind);
            Directory.CreateDirectory(Path.Combine(folder, "taken.png"));
            Assert.Equal(ErrorKind.CannotWrite, Assert.Throws<SightlineException>(() => picture.Save(Path.Combine(folder, "taken.png"))).Kind);
            Assert.Equal(["a.png"], Directory.GetFiles(folder).Select(f => Path.GetFileName(f)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData(PixelLayout.Rgb24, new byte[] { 1, 2, 3, 4, 5, 6 })]
    [InlineData(PixelLayout.Bgr24, new byte[] { 3, 2, 1, 6, 5, 4 })]
    [InlineData(PixelLayout.Rgba32, new byte[] { 1, 2, 3, 9, 4, 5, 6, 9 })]
    [InlineData(PixelLayout.Bgra32, new byte[] { 3, 2, 1, 9, 6, 5, 4, 9 })]
    public void PixelsInMemory(PixelLayout layout, byte[] pixels)
    {
        Assert.Equal([1, 2, 3, 4, 5, 6], Picture.FromPixels(pixels, 2, 1, layout).Pixels.ToArray());
        var padded = new byte[pixels.Length + 5 + pixels.Length];
        pixels.CopyTo(padded, 0);
        pixels.CopyTo(padded, pixels.Length + 5);
        Assert.Equal([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6], Picture.FromPixels(padded, 2, 2, layout, stride: pixels.Length + 5).Pixels.ToArray());
        Assert.Throws<ArgumentException>(() => Picture.FromPixels(pixels.AsSpan(1), 2, 1, layout));
        Assert.Throws<ArgumentException>(() => Picture.FromPixels(pixels, 2, 1, layout, stride: 2));
        Assert.Equal([7, 7, 7], Picture.FromPixels([7], 1, 1, PixelLayout.Grey8).Pixels.ToArray());
    }

    private static Picture Smooth(int width, int height)
    {
        var random = new RandomStream(4);
        var coarse = new Picture(6, 5, [.. Enumerable.Range(0, 90).Select(_ => (byte)random.NextInt(256))]);
        return coarse.ResizeTo(width, height, ResizeFilter.Bicubic);
    }
}
