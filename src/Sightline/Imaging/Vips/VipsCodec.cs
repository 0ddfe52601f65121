using Sightline.Imaging.Codecs;
using static Sightline.Imaging.Vips.VipsNative;

namespace Sightline.Imaging.Vips;

/// <summary>Pictures in and out of encoded bytes through libvips.</summary>
internal static unsafe class VipsCodec
{
    private const int UChar = 0;

    /// <summary>
    /// Decodes the first page. <c>fail_on=error</c>: a truncated or broken stream is an error, not a half-grey picture;
    /// harmless warnings (unknown metadata, bytes after the end) are not.
    /// </summary>
    public static Picture Decode(ReadOnlySpan<byte> encoded, in PictureHeader header, PictureReadOptions options, string name)
    {
        try
        {
            fixed (byte* data = encoded)
            {
                using var load = new VipsOperation(Loader(header.Format), "access=sequential,fail_on=error");
                load.SetBlob("buffer", data, encoded.Length);
                load.Build();
                var image = load.GetImage("out");
                try
                {
                    return Take(ref image, options, name);
                }
                finally
                {
                    g_object_unref(image);
                }
            }
        }
        catch (VipsException error)
        {
            throw new SightlineException(ErrorKind.BadPicture, $"{name} is damaged and cannot be decoded as {header.Format}: {error.Message}", error);
        }
    }

    /// <summary>Encodes RGB; quality 1..100 for JPEG and lossy WebP.</summary>
    public static byte[] Encode(Picture picture, PictureFormat format, int quality)
    {
        var (saver, options) = format switch
        {
            PictureFormat.Jpeg => ("jpegsave_buffer", $"Q={quality},optimize_coding=true"),
            PictureFormat.Png => ("pngsave_buffer", "compression=6"),
            PictureFormat.WebP => ("webpsave_buffer", quality >= 100 ? "lossless=true" : $"Q={quality}"),
            _ => throw new SightlineException(ErrorKind.Usage, $"pictures can be written as JPEG, PNG or WebP, not as {format}"),
        };
        try
        {
            fixed (byte* pixels = picture.Pixels)
            {
                VipsLibrary.Require();
                var image = vips_image_new_from_memory(pixels, (nuint)picture.Pixels.Length, picture.Width, picture.Height, 3, UChar);
                if (image == 0) throw new VipsException(VipsOperation.TakeError());
                try
                {
                    image = Run("copy", "interpretation=srgb", image);
                    using var save = new VipsOperation(saver, options);
                    save.SetImage("in", image);
                    save.Build();
                    return save.GetBlob("buffer");
                }
                finally
                {
                    g_object_unref(image);
                }
            }
        }
        catch (VipsException error)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"a picture of {picture.Width} x {picture.Height} cannot be encoded as {format}: {error.Message}", error);
        }
    }

    private static Picture Take(ref nint image, PictureReadOptions options, string name)
    {
        var (width, height) = (vips_image_get_width(image), vips_image_get_height(image));
        HeaderReader.RequireWithin(options.MaxPixels, width, height, name); // what the decoder sees may differ from what the header said
        if (!IsPlain((VipsInterpretation)vips_image_get_interpretation(image))) image = Run("colourspace", "space=srgb", image);
        var bands = vips_image_get_bands(image);
        var interpretation = (VipsInterpretation)vips_image_get_interpretation(image);
        var format = vips_image_get_format(image);
        var isNumbers = format is not (UChar or (int)VipsSampleFormat.UShort);
        if (isNumbers) image = Run("cast", "format=double", image);

        nuint length = 0;
        var samples = vips_image_write_to_memory(image, &length);
        if (samples == null) throw new VipsException(VipsOperation.TakeError());
        try
        {
            var layout = new RawSamples(width, height, bands, format == (int)VipsSampleFormat.UShort, interpretation == VipsInterpretation.Cmyk);
            if (!isNumbers) return layout.ToPicture(new ReadOnlySpan<byte>(samples, checked((int)length)), options);
            var numbers = new ReadOnlySpan<double>(samples, checked((int)(length / sizeof(double))));
            var bytes = RawSamples.FromNumbers(numbers, format >= (int)VipsSampleFormat.Float, out var low, out var high)
                ?? throw HeaderReader.Bad(FormattableString.Invariant($"{name} holds numbers from {low:0.###} to {high:0.###}, not colours: scale them to 0..1 or 0..255, or save the picture with 8 or 16 bits"));
            return layout.ToPicture(bytes, options);
        }
        finally
        {
            g_free(samples);
        }
    }

    /// <summary>Runs an operation of one image to one image; releases the input, also when it fails, by giving back the new one only on success.</summary>
    private static nint Run(string name, string options, nint image)
    {
        using var operation = new VipsOperation(name, options);
        operation.SetImage("in", image);
        operation.Build();
        var result = operation.GetImage("out");
        g_object_unref(image);
        return result;
    }

    private static string Loader(PictureFormat format) => format switch
    {
        PictureFormat.Jpeg => "jpegload_buffer",
        PictureFormat.Png => "pngload_buffer",
        PictureFormat.WebP => "webpload_buffer",
        PictureFormat.Tiff => "tiffload_buffer",
        PictureFormat.Gif => "gifload_buffer",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "not read by libvips"),
    };

    private static bool IsPlain(VipsInterpretation interpretation) => interpretation is VipsInterpretation.Multiband or VipsInterpretation.BlackAndWhite
        or VipsInterpretation.Cmyk or VipsInterpretation.Rgb or VipsInterpretation.SRgb or VipsInterpretation.Rgb16 or VipsInterpretation.Grey16;

    /// <summary>libvips' VipsInterpretation, the values used here.</summary>
    private enum VipsInterpretation
    {
        Multiband = 0,
        BlackAndWhite = 1,
        Cmyk = 15,
        Rgb = 17,
        SRgb = 22,
        Rgb16 = 25,
        Grey16 = 26,
    }

    /// <summary>libvips' VipsBandFormat, the values used here.</summary>
    private enum VipsSampleFormat
    {
        UShort = 2,
        Float = 6,
    }
}
