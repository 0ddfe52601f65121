using System.Runtime.InteropServices;
using Sightline.Geometry;
using Sightline.Imaging.Resampling;

namespace Sightline.Imaging;

/// <summary>How a picture meets a target of another shape.</summary>
public enum FitMode
{
    /// <summary>Keep the shape of things; fill what is left over on two sides.</summary>
    Letterbox,

    /// <summary>Change width and height separately.</summary>
    Stretch,
}

/// <summary>
/// Where a picture lands on a canvas of another size: target = scale x source + shift on each axis, then mirrored. The
/// one place that maps boxes into a model's input and back, and the one resample that makes that input: training,
/// evaluation and serving all go through it. Picture edges that lie inside the canvas are on whole pixels, so boxes and
/// pixels agree exactly.
/// </summary>
public readonly record struct Placement
{
    private Placement(int sourceWidth, int sourceHeight, int width, int height) => (SourceWidth, SourceHeight, Width, Height) = (sourceWidth, sourceHeight, width, height);

    /// <summary>Width of the source picture in pixels.</summary>
    public int SourceWidth { get; }

    /// <summary>Height of the source picture in pixels.</summary>
    public int SourceHeight { get; }

    /// <summary>Width of the canvas in pixels.</summary>
    public int Width { get; }

    /// <summary>Height of the canvas in pixels.</summary>
    public int Height { get; }

    /// <summary>Canvas pixels for one source pixel across.</summary>
    public double ScaleX { get; private init; }

    /// <summary>Canvas pixels for one source pixel down.</summary>
    public double ScaleY { get; private init; }

    /// <summary>Canvas x of the source's left edge, before mirroring.</summary>
    public double ShiftX { get; private init; }

    /// <summary>Canvas y of the source's upper edge, before mirroring.</summary>
    public double ShiftY { get; private init; }

    /// <summary>Left and right change places on the canvas.</summary>
    public bool MirrorX { get; init; }

    /// <summary>Top and bottom change places on the canvas.</summary>
    public bool MirrorY { get; init; }

    /// <summary>True when the whole source is on the canvas.</summary>
    public bool ShowsEverything => ShiftX >= 0 && ShiftY >= 0 && ShiftX + (ScaleX * SourceWidth) <= Width + 1e-6 && ShiftY + (ScaleY * SourceHeight) <= Height + 1e-6;

    /// <summary>The whole picture, as large as fits, in the middle.</summary>
    public static Placement Fit(int sourceWidth, int sourceHeight, int width, int height, FitMode mode = FitMode.Letterbox)
    {
        var (scaleX, scaleY) = ((double)width / sourceWidth, (double)height / sourceHeight);
        if (mode == FitMode.Letterbox) scaleX = scaleY = Math.Min(scaleX, scaleY);
        return Create(sourceWidth, sourceHeight, width, height, scaleX, scaleY, (width - (scaleX * sourceWidth)) / 2, (height - (scaleY * sourceHeight)) / 2);
    }

    /// <summary>A placement by scale and shift; both are adjusted by less than a pixel so that inner edges are whole.</summary>
    /// <exception cref="ArgumentException">A size or scale is not positive, or nothing of the picture is on the canvas.</exception>
    public static Placement Create(int sourceWidth, int sourceHeight, int width, int height, double scaleX, double scaleY, double shiftX, double shiftY)
    {
        if (Math.Min(Math.Min(sourceWidth, sourceHeight), Math.Min(width, height)) <= 0 || !(scaleX > 0) || !(scaleY > 0))
            throw new ArgumentException($"a picture of {sourceWidth} x {sourceHeight} cannot be placed on {width} x {height} by {scaleX} x {scaleY}");
        (scaleX, shiftX) = Snap(sourceWidth, width, scaleX, shiftX);
        (scaleY, shiftY) = Snap(sourceHeight, height, scaleY, shiftY);
        if (shiftX >= width || shiftY >= height || shiftX + (scaleX * sourceWidth) <= 0 || shiftY + (scaleY * sourceHeight) <= 0)
            throw new ArgumentException("nothing of the picture is on the canvas");
        return new Placement(sourceWidth, sourceHeight, width, height) { ScaleX = scaleX, ScaleY = scaleY, ShiftX = shiftX, ShiftY = shiftY };
    }

    /// <summary>A box of the source (any of its frames) in pixels of the canvas; not clipped.</summary>
    public Box Forward(Box box)
    {
        var b = box.To(CoordinateFrame.Pixels(SourceWidth, SourceHeight));
        var (x1, x2) = ((ScaleX * b.X1) + ShiftX, (ScaleX * b.X2) + ShiftX);
        var (y1, y2) = ((ScaleY * b.Y1) + ShiftY, (ScaleY * b.Y2) + ShiftY);
        if (MirrorX) (x1, x2) = (Width - x2, Width - x1);
        if (MirrorY) (y1, y2) = (Height - y2, Height - y1);
        return new Box(x1, y1, x2, y2, CoordinateFrame.Pixels(Width, Height));
    }

    /// <summary>A box of the canvas (any of its frames) in pixels of the source; not clipped.</summary>
    public Box Back(Box box)
    {
        var b = box.To(CoordinateFrame.Pixels(Width, Height));
        var (x1, x2) = MirrorX ? (Width - b.X2, Width - b.X1) : (b.X1, b.X2);
        var (y1, y2) = MirrorY ? (Height - b.Y2, Height - b.Y1) : (b.Y1, b.Y2);
        return new Box((x1 - ShiftX) / ScaleX, (y1 - ShiftY) / ScaleY, (x2 - ShiftX) / ScaleX, (y2 - ShiftY) / ScaleY, CoordinateFrame.Pixels(SourceWidth, SourceHeight));
    }

    /// <summary>The canvas with the picture on it: one antialiased resample, the rest filled.</summary>
    public Picture Render(Picture source, PixelColor fill, ResizeFilter filter = ResizeFilter.Bilinear)
    {
        var canvas = new Picture(Width, Height, new byte[checked(Width * Height * 3)]);
        RenderInto(source, canvas, 0, 0, fill, filter);
        return canvas;
    }

    /// <summary>As <see cref="Render"/>, into the part of a larger canvas that begins at (left, top).</summary>
    internal void RenderInto(Picture source, Picture canvas, int left, int top, PixelColor fill, ResizeFilter filter = ResizeFilter.Bilinear)
    {
        if (source.Width != SourceWidth || source.Height != SourceHeight)
            throw new ArgumentException($"the placement is for a picture of {SourceWidth} x {SourceHeight}, not {source.Width} x {source.Height}");
        var (x0, x1) = ((int)Math.Max(Math.Round(ShiftX), 0), (int)Math.Min(Math.Round(ShiftX + (ScaleX * SourceWidth)), Width));
        var (y0, y1) = ((int)Math.Max(Math.Round(ShiftY), 0), (int)Math.Min(Math.Round(ShiftY + (ScaleY * SourceHeight)), Height));
        var box = new PillowResize.SourceBox(
            Math.Clamp((x0 - ShiftX) / ScaleX, 0, SourceWidth), Math.Clamp((y0 - ShiftY) / ScaleY, 0, SourceHeight),
            Math.Clamp((x1 - ShiftX) / ScaleX, 0, SourceWidth), Math.Clamp((y1 - ShiftY) / ScaleY, 0, SourceHeight));
        if (x1 - x0 != Width || y1 - y0 != Height) Fill(canvas, left, top, fill);
        var (column, row) = (MirrorX ? Width - x1 : x0, MirrorY ? Height - y1 : y0);
        var stride = canvas.Width * 3;
        var to = canvas.Writable[(((top + row) * stride) + ((left + column) * 3))..];
        PillowResize.ResizeInto(source, x1 - x0, y1 - y0, filter, box, to, stride);
        Mirror(to, (x1 - x0) * 3, y1 - y0, stride);
    }

    private void Mirror(Span<byte> part, int width, int height, int stride)
    {
        if (MirrorX)
        {
            for (var y = 0; y < height; y++) MemoryMarshal.Cast<byte, PixelColor>(part.Slice(y * stride, width)).Reverse();
        }

        if (!MirrorY) return;
        Span<byte> row = new byte[width];
        for (var y = 0; y < height / 2; y++)
        {
            var (upper, lower) = (y * stride, (height - 1 - y) * stride);
            part.Slice(upper, width).CopyTo(row);
            part.Slice(lower, width).CopyTo(part[upper..]);
            row.CopyTo(part[lower..]);
        }
    }

    private void Fill(Picture canvas, int left, int top, PixelColor fill)
    {
        var pixels = MemoryMarshal.Cast<byte, PixelColor>(canvas.Writable);
        for (var y = 0; y < Height; y++) pixels.Slice(((top + y) * canvas.Width) + left, Width).Fill(fill);
    }

    private static (double Scale, double Shift) Snap(int source, int canvas, double scale, double shift)
    {
        var end = shift + (scale * source);
        var (beginInside, endInside) = (shift > 0, end < canvas);
        if (beginInside && endInside)
        {
            var begin = Math.Min(Math.Round(shift), canvas - 1);
            return ((Math.Clamp(Math.Round(end), begin + 1, canvas) - begin) / source, begin);
        }

        if (beginInside) return (scale, Math.Round(shift));
        return endInside ? (scale, shift + Math.Round(end) - end) : (scale, shift);
    }
}
