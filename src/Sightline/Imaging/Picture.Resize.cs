using Sightline.Geometry;
using Sightline.Imaging.Resampling;

namespace Sightline.Imaging;

/// <summary>Resizing and cropping.</summary>
public sealed partial class Picture
{
    /// <summary>
    /// The picture at another size, bit for bit what Pillow's <c>Image.resize</c> gives. A picture that already has the
    /// size is copied.
    /// </summary>
    /// <param name="width">Pixels across.</param>
    /// <param name="height">Pixels down.</param>
    /// <param name="filter">Resampling filter.</param>
    /// <param name="box">The part to take (any frame; fractional edges are honoured), the whole picture by default.</param>
    /// <param name="reducingGap">
    /// Pillow's <c>reducing_gap</c>: shrink by whole factors first while at least this many times the wanted size
    /// remains. Faster for great reductions, slightly different from the exact result; 2 to 3 is usual.
    /// </param>
    /// <exception cref="ArgumentException">A size is not positive, or the box is empty or leaves the picture.</exception>
    public Picture ResizeTo(int width, int height, ResizeFilter filter = ResizeFilter.Bilinear, Box? box = null, double? reducingGap = null)
    {
        var part = box?.To(Frame);
        var source = part is { } b ? new PillowResize.SourceBox(b.X1, b.Y1, b.X2, b.Y2) : new PillowResize.SourceBox(0, 0, Width, Height);
        return PillowResize.Resize(this, width, height, filter, source, reducingGap);
    }

    /// <summary>
    /// A copy of the pixels under a box: edges are rounded outwards to whole pixels and clipped to the picture, and at
    /// least one pixel is given.
    /// </summary>
    public Picture Crop(Box box)
    {
        var part = box.To(Frame);
        if (!double.IsFinite(part.X1 + part.Y1 + part.X2 + part.Y2)) throw new ArgumentException($"the box {box} is not finite");
        var left = (int)Math.Clamp(Math.Floor(part.X1), 0, Width - 1);
        var top = (int)Math.Clamp(Math.Floor(part.Y1), 0, Height - 1);
        var right = (int)Math.Clamp(Math.Ceiling(part.X2), left + 1, Width);
        var bottom = (int)Math.Clamp(Math.Ceiling(part.Y2), top + 1, Height);
        var (width, height) = (right - left, bottom - top);
        var rgb = new byte[width * height * 3];
        for (var y = 0; y < height; y++)
            _pixels.AsSpan((((top + y) * Width) + left) * 3, width * 3).CopyTo(rgb.AsSpan(y * width * 3));
        return new Picture(width, height, rgb);
    }
}
