namespace Sightline.Imaging;

/// <summary>A decoded picture: 8-bit RGB, rows from the top, no padding between rows.</summary>
public sealed partial class Picture
{
    private readonly byte[] _pixels;

    /// <summary>Takes over an RGB buffer of exactly width x height x 3 bytes.</summary>
    /// <exception cref="ArgumentException">The sizes do not fit the buffer or are not positive.</exception>
    public Picture(int width, int height, byte[] rgb)
    {
        ArgumentNullException.ThrowIfNull(rgb);
        if (width <= 0 || height <= 0) throw new ArgumentException($"a picture needs a positive size, got {width} x {height}");
        if (rgb.LongLength != (long)width * height * 3)
            throw new ArgumentException($"a picture of {width} x {height} needs {(long)width * height * 3} bytes of RGB, got {rgb.LongLength}");
        Width = width;
        Height = height;
        _pixels = rgb;
    }

    /// <summary>Pixels across.</summary>
    public int Width { get; }

    /// <summary>Pixels down.</summary>
    public int Height { get; }

    /// <summary>All samples, [Height, Width, 3].</summary>
    public ReadOnlySpan<byte> Pixels => _pixels;

    /// <summary>The frame of this picture's own pixels.</summary>
    public Geometry.CoordinateFrame Frame => Geometry.CoordinateFrame.Pixels(Width, Height);

    /// <summary>All samples for drawing and filling in place.</summary>
    internal Span<byte> Writable => _pixels;
}
