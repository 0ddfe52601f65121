using System.Globalization;

namespace Sightline.Geometry;

/// <summary>
/// An axis-aligned box by its corners, together with the <see cref="CoordinateFrame"/> that its numbers are in. Edges are
/// continuous (the box of one whole pixel has width 1). Two boxes can be compared only in the same frame: mixing frames
/// throws, it never gives a silent zero.
/// </summary>
public readonly record struct Box(double X1, double Y1, double X2, double Y2, CoordinateFrame Frame)
{
    /// <summary>X2 - X1; negative for a box whose corners are swapped.</summary>
    public double Width => X2 - X1;

    /// <summary>Y2 - Y1; negative for a box whose corners are swapped.</summary>
    public double Height => Y2 - Y1;

    /// <summary>Width x height, 0 where either is negative.</summary>
    public double Area => Math.Max(Width, 0) * Math.Max(Height, 0);

    /// <summary>Half way between the left and right edge.</summary>
    public double CenterX => (X1 + X2) / 2;

    /// <summary>Half way between the upper and lower edge.</summary>
    public double CenterY => (Y1 + Y2) / 2;

    /// <summary>True when the box has no area or a coordinate is not a number.</summary>
    public bool IsEmpty => !(Width > 0 && Height > 0);

    /// <summary>From the upper left corner and a size, as COCO writes boxes.</summary>
    public static Box FromXywh(double x, double y, double width, double height, CoordinateFrame frame) =>
        new(x, y, x + width, y + height, frame);

    /// <summary>From the centre and a size, as YOLO and DETR write boxes.</summary>
    public static Box FromCenter(double centerX, double centerY, double width, double height, CoordinateFrame frame) =>
        new(centerX - (width / 2), centerY - (height / 2), centerX + (width / 2), centerY + (height / 2), frame);

    /// <summary>The same region of the picture in another frame.</summary>
    public Box To(CoordinateFrame frame)
    {
        if (frame == Frame) return this;
        if (Frame.IsUnspecified || frame.IsUnspecified) throw new FrameMismatchException($"{this} cannot be expressed in the frame {frame}: a frame is unspecified");
        var scaleX = frame.Width / Frame.Width;
        var scaleY = frame.Height / Frame.Height;
        return new Box(X1 * scaleX, Y1 * scaleY, X2 * scaleX, Y2 * scaleY, frame);
    }

    /// <summary>The part inside the picture.</summary>
    public Box Clip() => this with
    {
        X1 = Math.Clamp(X1, 0, Frame.Width),
        Y1 = Math.Clamp(Y1, 0, Frame.Height),
        X2 = Math.Clamp(X2, 0, Frame.Width),
        Y2 = Math.Clamp(Y2, 0, Frame.Height),
    };

    /// <summary>Throws when two boxes are in different frames; the message shows both.</summary>
    /// <exception cref="FrameMismatchException">The frames differ.</exception>
    public static void RequireSameFrame(in Box a, in Box b)
    {
        if (a.Frame != b.Frame) throw new FrameMismatchException($"boxes in different frames: {a} and {b}; convert one with Box.To");
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"[{X1:0.###}, {Y1:0.###}, {X2:0.###}, {Y2:0.###}] ({Frame})");
}

/// <summary>Boxes of different coordinate frames were used together.</summary>
public sealed class FrameMismatchException(string message) : InvalidOperationException(message);
