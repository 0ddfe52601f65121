using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Imaging.Drawing;
using Sightline.Tensors;

namespace Sightline.Tests.Imaging;

public class DrawingTests
{
    [Fact]
    public void EveryAsciiLetterHasItsOwnShape()
    {
        var seen = new HashSet<string>();
        for (var c = '!'; c <= '~'; c++)
        {
            var sheet = Blank(40, 40, 255);
            new Painter(sheet).Text(c.ToString(), 8, 28, 18, PixelColor.Black);
            Assert.True(seen.Add(Convert.ToHexString(sheet.Pixels)), $"'{c}' looks like another letter");
            Assert.True(sheet.Pixels.ToArray().Any(v => v < 40), $"'{c}' has no ink");
        }

        Assert.True(Painter.TextWidth("WW", 12) > Painter.TextWidth("ii", 12));
        Assert.Equal(0, Painter.TextWidth("", 12));
    }

    [Fact]
    public void TheEdgeIsOnTheBoxAndTheRestIsUntouched()
    {
        var picture = Blank(200, 150, 128);
        var drawn = picture.Draw([new Annotation(new Box(60, 50, 140, 110, picture.Frame)) { Color = new PixelColor(255, 0, 0) }], new DrawingStyle { Thickness = 2 });
        Assert.All(picture.Pixels.ToArray(), v => Assert.Equal(128, v));
        Assert.Equal(new PixelColor(255, 0, 0), At(drawn, 60, 80));
        Assert.Equal(new PixelColor(255, 0, 0), At(drawn, 139, 80));
        Assert.Equal(new PixelColor(255, 0, 0), At(drawn, 100, 50));
        Assert.True(At(drawn, 59, 80).Red < 64, "dark line outside");
        Assert.True(At(drawn, 62, 80).Red < 64, "dark line inside");
        Assert.Equal(new PixelColor(128, 128, 128), At(drawn, 100, 80));
        Assert.Equal(new PixelColor(128, 128, 128), At(drawn, 20, 20));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(255)]
    [InlineData(128)]
    public void EdgesStandOutOnAnyGrey(byte level)
    {
        var picture = Blank(120, 90, level);
        var drawn = picture.Draw([new Annotation(new Box(0.2, 0.2, 0.8, 0.8, CoordinateFrame.Unit), "cell", 0.5)]);
        var (least, most) = (drawn.Pixels.ToArray().Min(), drawn.Pixels.ToArray().Max());
        Assert.True(most - least > 180, $"{least}..{most}");
    }

    [Fact]
    public void PlatesStayInsideAndApart()
    {
        var random = new RandomStream(9);
        for (var round = 0; round < 50; round++)
        {
            var edges = Enumerable.Range(0, 6).Select(_ =>
            {
                var (x, y) = (random.NextInt(-30, 600), random.NextInt(-30, 440));
                return new PixelRectangle(Math.Max(x, 0), Math.Max(y, 0), Math.Min(x + 60, 640), Math.Min(y + 60, 480));
            }).ToList();
            var places = new PlatePlacement(640, 480, edges);
            var plates = edges.Select(e => places.Place(e, 90, 18, 1)).OfType<PixelRectangle>().ToList();
            Assert.True(plates.Count >= 5, $"there is room for {plates.Count} only");
            foreach (var plate in plates)
                Assert.True(plate.Left >= 0 && plate.Top >= 0 && plate.Right <= 640 && plate.Bottom <= 480 && plate.Width == 90);
            for (var i = 0; i < plates.Count; i++)
            {
                for (var j = 0; j < i; j++) Assert.Equal(0, plates[i].Intersect(plates[j]).Area);
            }
        }
    }

    [Fact]
    public void PlatesOfACrowdLeaveTheSmallPictureToSee()
    {
        var random = new RandomStream(3);
        for (var round = 0; round < 20; round++)
        {
            var places = new PlatePlacement(128, 128, []);
            var boxes = Enumerable.Range(0, 9).Select(_ => (X: random.NextInt(0, 100), Y: random.NextInt(0, 100))).Select(at => new PixelRectangle(at.X, at.Y, at.X + 25, at.Y + 25)).ToList();
            var plates = boxes.Select(box => (Box: box, Plate: places.Place(box, 62, 18, 1))).ToList(); // the first always has one
            Assert.NotNull(plates[0].Plate);
            Assert.True(plates.Sum(pair => pair.Plate?.Area ?? 0) <= 0.3 * 128 * 128);
            foreach (var (box, plate) in plates)
            {
                if (plate is { } there) Assert.True(there.Intersect(box.Grow(62)).Area > 0, "whose plate is that?"); // three rows at most
            }
        }
    }

    [Fact]
    public void ALongLabelIsCutAndItsScoreStays()
    {
        var words = AnnotationDrawing.Shorten(string.Join(' ', Enumerable.Repeat("white blood cell", 30)), "0.64", 10, 300);
        Assert.StartsWith("white blood", words, StringComparison.Ordinal);
        Assert.EndsWith(".. 0.64", words, StringComparison.Ordinal);
        Assert.InRange(Painter.TextWidth(words, 10), 200, 300);
        Assert.Equal("cell 0.64", AnnotationDrawing.Shorten("cell", "0.64", 10, 300));
        Assert.Equal("0.64", AnnotationDrawing.Shorten("cell", "0.64", 10, 45));
        Assert.Equal("", AnnotationDrawing.Shorten("cell", "0.64", 10, 5));
    }

    [Fact]
    public void ABoxThatIsGivenTwiceIsDrawnOnce()
    {
        var picture = Blank(300, 200, 128);
        var one = new Annotation(new Box(100, 80, 160, 120, picture.Frame), "cell", 0.5);
        Assert.Equal(picture.Draw([one]).Pixels, picture.Draw([one, one]).Pixels);
    }

    [Fact]
    public void OddInputsAreDrawnOrLeftOutNeverAFailure()
    {
        var picture = Blank(40, 30, 200);
        var frame = picture.Frame;
        Annotation[] odd =
        [
            new(new Box(double.NaN, 0, 5, 5, frame), "nan"), new(new Box(9, 9, 3, 3, frame), "swapped"), new(new Box(-50, -50, 500, 500, frame), new string('x', 500), 1),
            new(new Box(39, 29, 40, 30, frame), "ä漢 \t end"), new(new Box(10, 10, 10.2, 10.2, frame), "tiny") { Dashed = true }, new(new Box(100, 100, 200, 200, frame), "outside"),
        ];
        var drawn = picture.Draw(odd);
        Assert.Equal((40, 30), (drawn.Width, drawn.Height));
        Assert.Equal((1, 1), (Blank(1, 1, 0).Draw([new(new Box(0, 0, 1, 1, CoordinateFrame.Unit), "one", 0.1)]).Width, 1));
        Assert.Equal(picture.Pixels, picture.Draw([]).Pixels);
    }

    private static Picture Blank(int width, int height, byte level) => new(width, height, [.. Enumerable.Repeat(level, width * height * 3)]);

    private static PixelColor At(Picture picture, int x, int y)
    {
        var at = ((y * picture.Width) + x) * 3;
        return new PixelColor(picture.Pixels[at], picture.Pixels[at + 1], picture.Pixels[at + 2]);
    }
}
