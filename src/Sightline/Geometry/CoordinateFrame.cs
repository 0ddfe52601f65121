using System.Globalization;

namespace Sightline.Geometry;

/// <summary>
/// The coordinate system that a box speaks. All frames span the same picture, upper left corner first, x to the right and
/// y down; they differ in the number that stands at the right and lower edge. So a change of frame is one
/// multiplication an axis, and a frame is fully named by its two extents.
/// </summary>
public readonly record struct CoordinateFrame
{
    private CoordinateFrame(double width, double height)
    {
        if (!(width > 0) || !(height > 0) || !double.IsFinite(width) || !double.IsFinite(height))
            throw new ArgumentException($"a coordinate frame needs positive extents, got {width} x {height}");
        Width = width;
        Height = height;
    }

    /// <summary>The x of the right edge.</summary>
    public double Width { get; }

    /// <summary>The y of the lower edge.</summary>
    public double Height { get; }

    /// <summary>0..1 on both axes.</summary>
    public static CoordinateFrame Unit { get; } = new(1, 1);

    /// <summary>0..1000 on both axes, as Qwen2-VL speaks.</summary>
    public static CoordinateFrame Thousandths { get; } = new(1000, 1000);

    /// <summary>Pixels of the picture (or of a resized copy of it) with this size.</summary>
    public static CoordinateFrame Pixels(int width, int height) => new(width, height);

    /// <summary>True for a default-constructed value, which names no frame.</summary>
    public bool IsUnspecified => Width == 0;

    /// <inheritdoc/>
    public override string ToString() =>
        IsUnspecified ? "unspecified"
        : this == Unit ? "0..1"
        : this == Thousandths ? "0..1000"
        : string.Create(CultureInfo.InvariantCulture, $"pixels of {Width:0.##}x{Height:0.##}");
}
