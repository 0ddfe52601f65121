using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Imaging.Augmentation;
using Sightline.Tensors;

namespace Sightline.Tests.Imaging;

public class AugmentationTests
{
    private static readonly PixelColor Red = new(220, 20, 20);
    private static readonly PixelColor Blue = new(20, 20, 220);
    private static readonly PixelColor Ground = new(90, 140, 90);
    private static readonly AugmentationOptions Geometry = new() { ColorProbability = 0, BlurProbability = 0, Fill = Ground, VerticalMirrorProbability = 0.3 };

    [Theory]
    [InlineData("the bus on the left", "the bus on the right")]
    [InlineData("Right-hand door, LEFT of the RIGHTMOST car", "Left-hand door, RIGHT of the LEFTMOST car")]
    [InlineData("a bright copyright leftover", "a bright copyright leftover")]
    [InlineData("left", "right")]
    [InlineData("", "")]
    public void MirrorExchangesWords(string phrase, string expected)
    {
        Assert.Equal(expected, MirroredWords.LeftRight(phrase));
        Assert.Equal(phrase, MirroredWords.LeftRight(expected));
    }

    [Fact]
    public void VerticalMirrorExchangesWords() =>
        Assert.Equal("the Lower cell below the top one", MirroredWords.TopBottom("the Upper cell above the bottom one"));

    [Theory]
    [InlineData(320, 240)]
    [InlineData(97, 211)]
    public void BoxesFollowThePixels(int width, int height)
    {
        var augmenter = new Augmenter(160, 128, Geometry with { ScaleHigh = 3 });
        var cropped = 0;
        for (ulong seed = 0; seed < 120; seed++)
        {
            var random = new RandomStream(seed);
            var sample = Scene(width, height, random, "red thing", "blue thing");
            var varied = augmenter.Apply(sample, random);
            Assert.Equal((160, 128), (varied.Picture.Width, varied.Picture.Height));
            foreach (var (phrase, color) in new[] { ("red thing", Red), ("blue thing", Blue) })
            {
                var boxes = varied.Phrases.Single(p => p.Phrase == phrase).Boxes;
                var seen = Extent(varied.Picture, color);
                if (boxes.Count == 0)
                {
                    // "nothing here" is said only when next to nothing is seen
                    cropped++;
                    Assert.True(seen is null || seen.Value.Area <= 0.45 * 160 * 128, $"seed {seed}: {phrase} is gone but seen at {seen}");
                    continue;
                }

                Assert.NotNull(seen);
                foreach (var (expected, actual) in new[] { (boxes[0].X1, seen.Value.X1), (boxes[0].Y1, seen.Value.Y1), (boxes[0].X2, seen.Value.X2), (boxes[0].Y2, seen.Value.Y2) })
                    Assert.True(Math.Abs(expected - actual) <= 1.01, $"seed {seed}: {phrase} says {boxes[0]}, pixels say {seen}");
            }
        }

        Assert.True(cropped > 0, "no crop ever removed an object");
    }

    [Fact]
    public void LostPhrasesLeaveNoRemnantInSight()
    {
        var augmenter = new Augmenter(128, 128, Geometry with { CropProbability = 1, ScaleLow = 1.2, ScaleHigh = 3, MaxRemnant = 0.1 });
        var lost = 0;
        for (ulong seed = 0; seed < 120; seed++)
        {
            var random = new RandomStream(seed);
            var sample = Scene(256, 256, random, "red thing", "blue thing");
            var varied = augmenter.Apply(sample, random);
            foreach (var (phrase, color) in new[] { ("red thing", Red), ("blue thing", Blue) })
            {
                if (varied.Phrases.Single(p => p.Phrase == phrase).Boxes.Count > 0) continue;
                lost++;
                var full = sample.Phrases.Single(p => p.Phrase == phrase).Boxes[0].Area * 9 / 4; // at the greatest scale
                Assert.True((Extent(varied.Picture, color)?.Area ?? 0) <= (0.1 * full) + 30, $"seed {seed}");
            }
        }

        Assert.True(lost > 5);
    }

    [Fact]
    public void PositionalPhrasesAreNeverCropped()
    {
        var augmenter = new Augmenter(128, 96, Geometry with { CropProbability = 1, ScaleLow = 0.5, ScaleHigh = 3, MirrorProbability = 0, VerticalMirrorProbability = 0 });
        for (ulong seed = 0; seed < 100; seed++)
        {
            var random = new RandomStream(seed);
            var sample = Scene(200, 100, random, "the largest thing", "blue thing");
            var varied = augmenter.Apply(sample, random);
            foreach (var (before, after) in sample.Phrases.Zip(varied.Phrases))
            {
                var ratio = after.Boxes[0].Area / before.Boxes[0].Area;
                var other = varied.Phrases[0].Boxes[0].Area / sample.Phrases[0].Boxes[0].Area;
                Assert.Equal(other, ratio, 6); // nothing was cut from either
            }
        }

        Assert.True(PositionWords.AreIn("2nd card") && PositionWords.AreIn("Leftmost cell") && PositionWords.AreIn("two cells"));
        Assert.False(PositionWords.AreIn("white blood cell") || PositionWords.AreIn("a bright topaz"));
        var dropping = new Augmenter(128, 96, Geometry with { CropProbability = 1, ScaleLow = 3, ScaleHigh = 3, DropSensitivePhrases = true });
        var words = Enumerable.Range(0, 20).SelectMany(i => Sample(dropping, (ulong)i).Phrases.Select(p => p.Phrase)).ToList();
        Assert.Contains("blue thing", words);

        static GroundedPicture Sample(Augmenter augmenter, ulong seed) =>
            augmenter.Apply(Scene(200, 100, new RandomStream(seed), "the largest thing", "blue thing"), new RandomStream(seed));
    }

    [Fact]
    public void SameSeedSameBitsOtherSeedOtherBits()
    {
        var augmenter = new Augmenter(96, 96, new AugmentationOptions { BlurProbability = 1 });
        var sample = Scene(160, 120, new RandomStream(3), "red thing", "blue thing");
        var (a, b, c) = (augmenter.Apply(sample, new RandomStream(5)), augmenter.Apply(sample, new RandomStream(5)), augmenter.Apply(sample, new RandomStream(6)));
        Assert.Equal(a.Picture.Pixels, b.Picture.Pixels);
        Assert.Equal(a.Phrases.SelectMany(p => p.Boxes), b.Phrases.SelectMany(p => p.Boxes));
        Assert.False(a.Picture.Pixels.SequenceEqual(c.Picture.Pixels));
    }

    [Fact]
    public void MosaicKeepsBoxesOnPixelsAndOnlySharedPhrases()
    {
        var augmenter = new Augmenter(200, 160, Geometry);
        for (ulong seed = 0; seed < 50; seed++)
        {
            var random = new RandomStream(seed);
            var samples = Enumerable.Range(0, 4).Select(i => Scene(150, 100, random, "red thing", i == 2 ? "another blue thing" : "blue thing")).ToList();
            var mosaic = augmenter.Mosaic(samples, random);
            var phrase = Assert.Single(mosaic.Phrases);
            Assert.Equal("red thing", phrase.Phrase);
            var inside = 0;
            foreach (var box in phrase.Boxes)
            {
                Assert.Equal(box, box.Clip());
                if (box.Width < 4 || box.Height < 4) continue;
                var center = Pixel(mosaic.Picture, (int)box.CenterX, (int)box.CenterY);
                if (Close(center, Red)) inside++;
                else Assert.True(Close(center, Blue), $"seed {seed}: {center} in the middle of {box}"); // the blue thing may lie on top
            }

            Assert.True(phrase.Boxes.Count == 0 || inside > 0);
        }
    }

    [Fact]
    public void PlainLetterboxMapsThereAndBack()
    {
        var sample = Scene(300, 100, new RandomStream(1), "red thing", "blue thing");
        var plain = new Augmenter(96, 96).Plain(sample);
        var placement = Placement.Fit(300, 100, 96, 96);
        Assert.Equal(placement.Forward(sample.Phrases[0].Boxes[0]), plain.Phrases[0].Boxes[0]);
        var box = new Box(3.5, 7, 101, 44, sample.Picture.Frame);
        var back = (placement with { MirrorX = true, MirrorY = true }).Back((placement with { MirrorX = true, MirrorY = true }).Forward(box));
        Assert.Equal((3.5, 7, 101, 44), (Math.Round(back.X1, 9), Math.Round(back.Y1, 9), Math.Round(back.X2, 9), Math.Round(back.Y2, 9)));
        Assert.Equal(PixelColor.Neutral, Pixel(plain.Picture, 0, 0));
        Assert.True(placement.ShowsEverything);
    }

    [Fact]
    public void ColourIdentityAndGreyAndBlurKeepWhatTheyShould()
    {
        var random = new RandomStream(2);
        var picture = new Picture(31, 17, [.. Enumerable.Range(0, 31 * 17 * 3).Select(_ => (byte)random.NextInt(256))]);
        var same = new Picture(31, 17, picture.Pixels.ToArray());
        ColorShift.Create(1, 1, 1, 0, 100).Apply(same);
        for (var i = 0; i < same.Pixels.Length; i++) Assert.True(Math.Abs(same.Pixels[i] - picture.Pixels[i]) <= 1);
        ColorShift.Create(1, 1, 0, 0, 100).Apply(same);
        for (var i = 0; i < same.Pixels.Length; i += 3) Assert.True(same.Pixels[i] == same.Pixels[i + 1] && same.Pixels[i] == same.Pixels[i + 2]);

        var flat = new Picture(9, 5, [.. Enumerable.Repeat((byte)77, 135)]);
        GaussianBlur.Apply(flat, 1.1);
        Assert.All(flat.Pixels.ToArray(), v => Assert.Equal(77, v));
        var blurred = new Picture(31, 17, picture.Pixels.ToArray());
        GaussianBlur.Apply(blurred, 1.0);
        Assert.True(Variance(blurred) < 0.35 * Variance(picture));
    }

    private static double Variance(Picture picture)
    {
        var mean = picture.Pixels.ToArray().Average(v => (double)v);
        return picture.Pixels.ToArray().Average(v => (v - mean) * (v - mean));
    }

    /// <summary>A red and a blue rectangle that do not overlap, on green.</summary>
    private static GroundedPicture Scene(int width, int height, RandomStream random, string redPhrase, string bluePhrase)
    {
        var picture = new Picture(width, height, new byte[width * height * 3]);
        Fill(picture, 0, 0, width, height, Ground);
        var middle = width / 2;
        var boxes = new Box[2];
        for (var k = 0; k < 2; k++)
        {
            var (w, h) = (random.NextInt(width / 8, width / 3), random.NextInt(height / 8, height / 2));
            var (x, y) = ((k * middle) + random.NextInt(middle - w), random.NextInt(height - h));
            Fill(picture, x, y, w, h, k == 0 ? Red : Blue);
            boxes[k] = Box.FromXywh(x, y, w, h, picture.Frame);
        }

        return new GroundedPicture(picture, [new PhraseBoxes(redPhrase, [boxes[0]]), new PhraseBoxes(bluePhrase, [boxes[1]])]);
    }

    private static void Fill(Picture picture, int x, int y, int width, int height, PixelColor color)
    {
        for (var row = y; row < y + height; row++)
        {
            for (var column = x; column < x + width; column++)
                (picture.Writable[((row * picture.Width) + column) * 3], picture.Writable[(((row * picture.Width) + column) * 3) + 1], picture.Writable[(((row * picture.Width) + column) * 3) + 2]) = (color.Red, color.Green, color.Blue);
        }
    }

    private static PixelColor Pixel(Picture picture, int x, int y)
    {
        var at = ((y * picture.Width) + x) * 3;
        return new PixelColor(picture.Pixels[at], picture.Pixels[at + 1], picture.Pixels[at + 2]);
    }

    private static bool Close(PixelColor a, PixelColor b) => Math.Abs(a.Red - b.Red) + Math.Abs(a.Green - b.Green) + Math.Abs(a.Blue - b.Blue) < 120;

    /// <summary>The extent of the pixels that are nearer to the colour than to the ground.</summary>
    private static Box? Extent(Picture picture, PixelColor color)
    {
        var (x1, y1, x2, y2) = (int.MaxValue, int.MaxValue, 0, 0);
        for (var y = 0; y < picture.Height; y++)
        {
            for (var x = 0; x < picture.Width; x++)
            {
                if (!Close(Pixel(picture, x, y), color)) continue;
                (x1, y1, x2, y2) = (Math.Min(x1, x), Math.Min(y1, y), Math.Max(x2, x + 1), Math.Max(y2, y + 1));
            }
        }

        return x2 == 0 ? null : new Box(x1, y1, x2, y2, picture.Frame);
    }
}
