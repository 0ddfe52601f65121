using Sightline.Tensors;
using Sightline.Training.Expressions;
using Sightline.Training.Scenes;
using Sightline.Training.Tests.Expressions;

namespace Sightline.Training.Tests.Scenes;

public class SceneGeneratorTests
{
    [Fact]
    public void AnySceneCanBeMadeAloneOnAnyThread()
    {
        var inOrder = Enumerable.Range(0, 40).Select(i => Digest(new SceneGenerator(new SceneOptions(), 5).GenerateScene(i))).ToArray();
        var shared = new SceneGenerator(new SceneOptions(), 5);
        var scattered = new string[40];
        Parallel.For(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => scattered[39 - i] = Digest(shared.GenerateScene(39 - i)));
        Assert.Equal(inOrder, scattered);
        Assert.Equal(40, inOrder.Distinct().Count());
        Assert.NotEqual(inOrder[0], Digest(new SceneGenerator(new SceneOptions(), 6).GenerateScene(0)));
    }

    [Fact]
    public void PhrasesMeanWhatAnIndependentSolverFinds()
    {
        var generator = new SceneGenerator(new SceneOptions(), 11);
        var phrases = 0;
        for (var i = 0; i < 300; i++)
        {
            var scene = generator.GenerateScene(i);
            foreach (var e in scene.Expressions)
            {
                Assert.Equal(PlainSolver.Solve(e.Meaning, scene.Objects), e.Targets);
                phrases++;
            }

            var grounded = scene.ToGroundedPicture();
            Assert.Equal(scene.Expressions.Select(e => e.Targets.Count), grounded.Phrases.Select(p => p.Boxes.Count));
            Assert.All(grounded.Phrases.SelectMany(p => p.Boxes), b => Assert.Equal(scene.Picture.Frame, b.Frame));
        }

        Assert.InRange(phrases, 1400, 1800);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void TheBoxIsTheExtentOfThePaintedPixels(string shape)
    {
        var options = new SceneOptions { Shapes = [shape], Textures = ["plain"], Colors = ["red"] };
        var random = new RandomStream(3);
        for (var round = 0; round < 20; round++)
        {
            const int Width = 160, Height = 128;
            var rgb = new byte[Width * Height * 3];
            var figure = Figure.Draw(new Looks(shape, "red", "plain", round % 2 == 0 ? "small" : "large"), Width, Height, options, random);
            figure.Paint(rgb, Width, Height, new CoverageRaster(), random);
            var (left, top, right, bottom) = (Width, Height, 0, 0);
            for (var i = 0; i < Width * Height; i++)
            {
                if (rgb[3 * i] < 2) continue;
                var (x, y) = (i % Width, i / Width);
                (left, top, right, bottom) = (Math.Min(left, x), Math.Min(top, y), Math.Max(right, x + 1), Math.Max(bottom, y + 1));
            }

            // the painted pixels are those that the outline touches; a tip may cover too little of its last pixel to show
            Assert.InRange(figure.Box.X1, left - 1.5, left + 1);
            Assert.InRange(figure.Box.Y1, top - 1.5, top + 1);
            Assert.InRange(figure.Box.X2, right - 1, right + 1.5);
            Assert.InRange(figure.Box.Y2, bottom - 1, bottom + 1.5);
            Assert.Equal(figure.Box, figure.Box.Clip());
        }
    }

    public static TheoryData<string> Shapes => [.. SceneOptions.AllShapes];

    [Fact]
    public void CoverageAddsUpToTheAreaOfThePolygon()
    {
        var random = new RandomStream(9);
        var raster = new CoverageRaster();
        for (var round = 0; round < 200; round++)
        {
            // corners by rising angle around the middle, no gap wider than half a turn: a simple polygon
            var count = random.NextInt(5, 14);
            var corners = Enumerable.Range(0, count).Select(i => (i + random.NextDouble()) / count * 2 * Math.PI)
                .Select(a => (Angle: a, Radius: random.NextDouble(2, 19)))
                .Select(p => (X: 20 + (Math.Cos(p.Angle) * p.Radius), Y: 20 + (Math.Sin(p.Angle) * p.Radius))).ToArray();
            raster.Begin(0, 0, 40, 40);
            var area = 0.0;
            for (var i = 0; i < corners.Length; i++)
            {
                var (a, b) = (corners[i], corners[(i + 1) % corners.Length]);
                raster.Edge(a.X, a.Y, b.X, b.Y);
                area += ((a.X * b.Y) - (b.X * a.Y)) / 2;
            }

            var sum = 0.0;
            var row = new float[40];
            for (var y = 0; y < 40; y++)
            {
                raster.Row(y, row);
                sum += row.Sum();
                Assert.All(row, c => Assert.InRange(c, 0, 1));
            }

            // pixels that two parts of the outline share can lose a little to the clamp at 1
            Assert.InRange(sum, Math.Abs(area) - 0.05, Math.Abs(area) + 0.05);
        }
    }

    [Fact]
    public void HeldOutPairsAreNeitherShownNorNamed()
    {
        var held = new HashSet<(string, string)> { ("red", "star"), ("blue", "circle"), ("green", "ring") };
        var train = new SceneGenerator(new SceneOptions { HeldOut = held }, 2);
        var test = new SceneGenerator(new SceneOptions { HeldOut = held, ShowHeldOut = true }, 2);
        var shown = 0;
        for (var i = 0; i < 200; i++)
        {
            var scene = train.GenerateScene(i);
            Assert.DoesNotContain(scene.Objects, o => held.Contains((o.Color!, o.Label)));
            Assert.DoesNotContain(scene.Expressions, e => Selectors(e.Meaning).Any(s => s.Color is not null && s.Label is not null && held.Contains((s.Color, s.Label))));
            var unseen = test.GenerateScene(i);
            Assert.Contains(unseen.Objects, o => held.Contains((o.Color!, o.Label)));
            Assert.All(unseen.Expressions, e => Assert.Contains(e.Targets, t => held.Contains((unseen.Objects[t].Color!, unseen.Objects[t].Label))));
            shown += unseen.Expressions.Count;
        }

        Assert.True(shown > 600, $"{shown} zero-shot phrases");
    }

    [Fact]
    public void TheMixIsKept()
    {
        var only = new ExpressionMix { Class = 0, Attribute = 0, Position = 0, Superlative = 0, Ordinal = 0, Count = 0, Absent = 0, Relation = 1 };
        var generator = new SceneGenerator(new SceneOptions { Mix = only, MinimumObjects = 4 }, 3);
        var made = Enumerable.Range(0, 100).SelectMany(i => generator.GenerateScene(i).Expressions).ToArray();
        Assert.True(made.Length > 150, $"{made.Length} relations");
        Assert.All(made, e => Assert.Equal(ExpressionKind.Relation, e.Kind));
    }

    [Fact]
    public void RefusesOptionsThatMakeNoSense()
    {
        Refuses(new SceneOptions { Shapes = ["blob"] }, "blob");
        Refuses(new SceneOptions { Colors = [] }, "colour");
        Refuses(new SceneOptions { MinimumSide = 8 }, "8..192");
        Refuses(new SceneOptions { MinimumObjects = 9, MaximumObjects = 3 }, "9..3");
        Refuses(new SceneOptions { ShowHeldOut = true }, "held-out");
        Refuses(new SceneOptions { HeldOut = new HashSet<(string, string)> { ("mauve", "star") } }, "mauve star");

        static void Refuses(SceneOptions options, string named)
        {
            var error = Assert.Throws<SightlineException>(() => new SceneGenerator(options, 1));
            Assert.Equal(ErrorKind.BadRecipe, error.Kind);
            Assert.Contains(named, error.Message, StringComparison.Ordinal);
        }
    }

    private static IEnumerable<Selector> Selectors(Meaning m) => m switch
    {
        RelationMeaning r => [m.Of, .. Selectors(r.Anchor)],
        DistanceMeaning d => [m.Of, .. Selectors(d.Anchor)],
        BetweenMeaning b => [m.Of, .. Selectors(b.First), .. Selectors(b.Second)],
        _ => [m.Of],
    };

    private static string Digest(Scene scene) =>
        Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(scene.Picture.Pixels)) + string.Join('|', scene.Expressions.Select(e => e.Phrase + string.Join(',', e.Targets)));
}
