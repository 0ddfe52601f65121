using Sightline.Imaging.Codecs;
using Sightline.Imaging.Vips;

namespace Sightline.Imaging;

/// <summary>Pictures from and to files and foreign memory.</summary>
public sealed partial class Picture
{
    /// <summary>Reads a picture file: JPEG, PNG, WebP, TIFF, GIF or BMP, recognised by content.</summary>
    /// <exception cref="SightlineException">NotFound, BadPicture (damaged, unknown, empty, too large), or MissingLibrary.</exception>
    public static Picture Load(string path, PictureReadOptions? options = null)
    {
        options ??= PictureReadOptions.Default;
        using var bytes = FileBytes.Read(path, options);
        return Decode(bytes.Span, options, path);
    }

    /// <summary>Decodes a picture file's bytes. <paramref name="name"/> stands in error messages.</summary>
    /// <exception cref="SightlineException">BadPicture, or MissingLibrary.</exception>
    public static Picture Decode(ReadOnlySpan<byte> encoded, PictureReadOptions? options = null, string name = "the picture")
    {
        options ??= PictureReadOptions.Default;
        var header = HeaderReader.Read(encoded, name);
        HeaderReader.RequireWithin(options.MaxPixels, header.Width, header.Height, name);
        if ((long)header.Width * header.Height * 3 > Array.MaxLength)
            throw HeaderReader.Bad($"{name} declares {header.Width} x {header.Height} pixels, more than one buffer can hold");
        try
        {
            var picture = header.Format == PictureFormat.Bmp ? BmpReader.Decode(encoded, name) : VipsCodec.Decode(encoded, header, options, name);
            return options.ApplyOrientation ? picture.Oriented(header.Orientation) : picture;
        }
        catch (OutOfMemoryException error)
        {
            throw new SightlineException(ErrorKind.OutOfMemory, $"{name}: not enough memory for {header.Width} x {header.Height} pixels", error);
        }
    }

    /// <summary>Decodes a picture from a stream, read to its end (at most <see cref="PictureReadOptions.MaxFileBytes"/>).</summary>
    /// <exception cref="SightlineException">BadPicture, or MissingLibrary.</exception>
    public static Picture Decode(Stream encoded, PictureReadOptions? options = null, string name = "the picture")
    {
        ArgumentNullException.ThrowIfNull(encoded);
        options ??= PictureReadOptions.Default;
        using var copy = new MemoryStream();
        var buffer = new byte[81920];
        int count;
        while ((count = encoded.Read(buffer)) > 0)
        {
            if (copy.Length + count > options.MaxFileBytes)
                throw HeaderReader.Bad($"{name} has more than {options.MaxFileBytes} bytes, the limit for a picture file");
            copy.Write(buffer, 0, count);
        }

        return Decode(copy.GetBuffer().AsSpan(0, (int)copy.Length), options, name);
    }

    /// <summary>Copies pixels that are already in memory; needs no native library.</summary>
    /// <param name="pixels">Rows from the top.</param>
    /// <param name="width">Pixels across.</param>
    /// <param name="height">Pixels down.</param>
    /// <param name="layout">Order of the samples.</param>
    /// <param name="stride">Bytes from one row to the next; 0 for rows without padding.</param>
    /// <exception cref="ArgumentException">The span is too short for the size.</exception>
    public static Picture FromPixels(ReadOnlySpan<byte> pixels, int width, int height, PixelLayout layout = PixelLayout.Rgb24, int stride = 0)
    {
        if (width <= 0 || height <= 0) throw new ArgumentException($"a picture needs a positive size, got {width} x {height}");
        var size = layout switch { PixelLayout.Grey8 => 1, PixelLayout.Rgba32 or PixelLayout.Bgra32 => 4, _ => 3 };
        if (stride == 0) stride = checked(width * size);
        if (stride < (long)width * size) throw new ArgumentException($"a row of {width} pixels in {layout} has {(long)width * size} bytes, the stride is {stride}");
        if (pixels.Length < ((long)(height - 1) * stride) + ((long)width * size))
            throw new ArgumentException($"{width} x {height} pixels in {layout} with a stride of {stride} need {((long)(height - 1) * stride) + ((long)width * size)} bytes, got {pixels.Length}");
        var rgb = new byte[checked(width * height * 3)];
        for (var y = 0; y < height; y++) CopyRow(pixels.Slice(y * stride, width * size), rgb.AsSpan(y * width * 3, width * 3), layout, size);
        return new Picture(width, height, rgb);
    }

    /// <summary>Encodes as JPEG, PNG or WebP. Quality 1..100 counts for JPEG and WebP; WebP at 100 is lossless.</summary>
    /// <exception cref="SightlineException">Usage for other formats, CannotWrite, or MissingLibrary.</exception>
    public byte[] Encode(PictureFormat format, int quality = 90) => VipsCodec.Encode(this, format, Math.Clamp(quality, 1, 100));

    /// <summary>Writes a file whose format its extension says (.jpg, .jpeg, .png, .webp); to a temporary name, then moved.</summary>
    /// <exception cref="SightlineException">Usage for other extensions, CannotWrite, or MissingLibrary.</exception>
    public void Save(string path, int quality = 90)
    {
        var encoded = Encode(FormatToWrite(path), quality);
        AtomicFile.Write(path, stream => stream.Write(encoded));
    }

    /// <summary>The format that a file's extension says, for those who want to know before the work whether <see cref="Save"/> will take it.</summary>
    /// <exception cref="SightlineException">Usage: pictures are not written with this extension.</exception>
    public static PictureFormat FormatToWrite(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".jpg" or ".jpeg" => PictureFormat.Jpeg,
            ".png" => PictureFormat.Png,
            ".webp" => PictureFormat.WebP,
            var other => throw new SightlineException(ErrorKind.Usage, $"{path}: pictures are written as .jpg, .png or .webp, not as '{other}'"),
        };
    }

    /// <summary>The picture turned by an EXIF orientation: 1 as stored ... 8 (EXIF 2.32, tag 0x0112).</summary>
    public Picture Oriented(int orientation)
    {
        if (orientation is < 2 or > 8) return this;
        var swapped = orientation >= 5;
        var (width, height) = swapped ? (Height, Width) : (Width, Height);
        var rgb = new byte[_pixels.Length];
        // the source step for one pixel to the right and one row down in the upright picture
        var (start, right, down) = orientation switch
        {
            2 => (Width - 1, -1, Width),
            3 => ((Width * Height) - 1, -1, -Width),
            4 => ((Height - 1) * Width, 1, -Width),
            5 => (0, Width, 1),
            6 => ((Height - 1) * Width, -Width, 1),
            7 => ((Width * Height) - 1, -Width, -1),
            _ => (Width - 1, Width, -1),
        };
        for (int y = 0, to = 0; y < height; y++)
        {
            var from = 3 * (start + (y * down));
            for (var x = 0; x < width; x++, from += 3 * right, to += 3)
                (rgb[to], rgb[to + 1], rgb[to + 2]) = (_pixels[from], _pixels[from + 1], _pixels[from + 2]);
        }

        return new Picture(width, height, rgb);
    }

    private static void CopyRow(ReadOnlySpan<byte> from, Span<byte> to, PixelLayout layout, int size)
    {
        if (layout == PixelLayout.Rgb24)
        {
            from.CopyTo(to);
            return;
        }

        var (red, green, blue) = layout switch
        {
            PixelLayout.Rgba32 => (0, 1, 2),
            PixelLayout.Grey8 => (0, 0, 0),
            _ => (2, 1, 0),
        };
        for (int i = 0, at = 0; at < to.Length; i += size, at += 3) (to[at], to[at + 1], to[at + 2]) = (from[i + red], from[i + green], from[i + blue]);
    }
}
