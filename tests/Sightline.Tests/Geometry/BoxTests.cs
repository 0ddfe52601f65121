using FsCheck;
using FsCheck.Fluent;
using Sightline.Geometry;

namespace Sightline.Tests.Geometry;

public class BoxTests
{
    [Fact]
    public void FramesAreChangedByOneMultiplication()
    {
        var box = new Box(100, 200, 500, 1000, CoordinateFrame.Thousandths);
        var pixels = box.To(CoordinateFrame.Pixels(640, 480));
        Assert.Equal(new Box(64, 96, 320, 480, CoordinateFrame.Pixels(640, 480)), pixels);
        Assert.Equal((0.1, 0.2), (box.To(CoordinateFrame.Unit).X1, box.To(CoordinateFrame.Unit).Y1));
        Assert.Equal("[100, 200, 500, 1000] (0..1000)", box.ToString());
    }

    [Fact]
    public void AFrameMustBeNamed()
    {
        var box = new Box(1, 2, 3, 4, default);
        Assert.True(box.Frame.IsUnspecified);
        Assert.Throws<FrameMismatchException>(() => box.To(CoordinateFrame.Unit));
        Assert.Throws<FrameMismatchException>(() => new Box(1, 2, 3, 4, CoordinateFrame.Unit).To(default));
        Assert.Throws<ArgumentException>(() => CoordinateFrame.Pixels(0, 5));
    }

    [Fact]
    public void AreasOfSwappedOrUnknownCornersAreNone()
    {
        Assert.Equal(0, new Box(5, 5, 1, 1, CoordinateFrame.Unit).Area);
        Assert.True(new Box(5, 5, 1, 9, CoordinateFrame.Unit).IsEmpty);
        Assert.True(new Box(double.NaN, 0, 1, 1, CoordinateFrame.Unit).IsEmpty);
        Assert.Equal(new Box(0, 0, 1, 0.5, CoordinateFrame.Unit), new Box(-3, -1, 7, 0.5, CoordinateFrame.Unit).Clip());
    }

    [Fact]
    public void ChangingFrameThereAndBackKeepsTheBoxAndItsIou()
    {
        var boxes = from x in Gen.Choose(0, 500)
                    from y in Gen.Choose(0, 500)
                    from w in Gen.Choose(1, 400)
                    from h in Gen.Choose(1, 400)
                    select Box.FromXywh(x, y, w, h, CoordinateFrame.Thousandths);
        var sizes = from w in Gen.Choose(1, 5000) from h in Gen.Choose(1, 5000) select CoordinateFrame.Pixels(w, h);
        Prop.ForAll(Arb.From(boxes), Arb.From(boxes), Arb.From(sizes), (a, b, frame) =>
        {
            var back = a.To(frame).To(CoordinateFrame.Thousandths);
            return Math.Abs(back.X1 - a.X1) < 1e-9 && Math.Abs(back.Y2 - a.Y2) < 1e-9
                && Math.Abs(Iou.Of(a, b) - Iou.Of(a.To(frame), b.To(frame))) < 1e-9;
        }).QuickCheckThrowOnFailure();
    }
}
