using FsCheck;
using FsCheck.Fluent;
using Sightline.Geometry;
using Sightline.Tensors;
using Sightline.Training.Expressions;

namespace Sightline.Training.Tests.Expressions;

public class ExpressionGeneratorTests
{
    private static readonly string[] Labels = ["circle", "square", "star"];
    private static readonly string[] Colors = ["red", "green", "blue"];

    [Fact]
    public void EveryPhraseMeansExactlyWhatAnIndependentSolverFinds()
    {
        var kinds = new Dictionary<ExpressionKind, int>();
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            var (objects, expressions) = Make(seed);
            foreach (var e in expressions)
            {
                Assert.Equal(PlainSolver.Solve(e.Meaning, objects), e.Targets);
                Assert.Equal(e.Kind == ExpressionKind.Absent, e.Targets.Count == 0);
                kinds[e.Kind] = kinds.GetValueOrDefault(e.Kind) + 1;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));
        Assert.All(Enum.GetValues<ExpressionKind>(), kind => Assert.True(kinds.GetValueOrDefault(kind) > 20, $"{kind}: {kinds.GetValueOrDefault(kind)}"));
    }

    [Fact]
    public void AnswersDoNotHangOnAFewPixels()
    {
        // every edge moves by up to 0.4 % of the picture and 2 % of the box, as two annotators would differ
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            var (objects, expressions) = Make(seed);
            var random = new RandomStream((ulong)seed).Fork("jitter");
            for (var round = 0; round < 4; round++)
            {
                var moved = objects.Select(o => o with { Box = Jitter(o.Box, random) }).ToArray();
                foreach (var e in expressions) Assert.Equal(PlainSolver.Solve(e.Meaning, moved), e.Targets);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200));
    }

    [Fact]
    public void SameSeedSamePhrases()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (a, b) = (Make(seed).Expressions, Make(seed).Expressions);
            Assert.Equal(a.Select(e => e.Phrase), b.Select(e => e.Phrase));
            Assert.Equal(a.Count, a.Select(e => e.Phrase).Distinct().Count());
        }
    }

    [Fact]
    public void HeldOutPairsAreNeverNamed()
    {
        var options = Options with { HeldOut = new HashSet<(string, string)> { ("red", "star"), ("blue", "circle") } };
        for (var seed = 0; seed < 200; seed++)
        {
            foreach (var e in Make(seed, options).Expressions)
            {
                Assert.DoesNotContain("red star", e.Phrase, StringComparison.Ordinal);
                Assert.DoesNotContain("blue circle", e.Phrase, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void NoPhraseDependsOnAnUncertainObject()
    {
        var frame = CoordinateFrame.Pixels(100, 100);
        DescribedObject[] objects =
        [
            new(new Box(5, 5, 20, 20, frame), "cell"),
            new(new Box(60, 60, 95, 95, frame), "cell") { IsUncertain = true },
            new(new Box(5, 70, 15, 80, frame), "platelet"),
        ];
        var generator = new ExpressionGenerator(ClassNames.Plain, Options with { Labels = ["cell", "platelet"], Colors = [], AnyObject = [] });
        var made = generator.Generate(objects, 30, new RandomStream(1));
        Assert.NotEmpty(made);
        // where the uncertain one plainly is not meant ("the cell at the top left") a phrase is safe; where it may be, none is made
        Assert.DoesNotContain(made, e => e.Targets.Contains(1));
        Assert.DoesNotContain(made, e => e.Meaning.Of.Label == "cell" && e.Meaning is EveryMeaning or RankMeaning { Of.Label: "cell" } or CountMeaning { Of.Label: "cell" });
    }

    [Fact]
    public void AnUnknownAttributeMakesNoPhrase()
    {
        var frame = CoordinateFrame.Pixels(100, 100);
        // the second may be red too, so "the red cup" has no safe answer
        DescribedObject[] objects = [new(new Box(5, 5, 20, 20, frame), "cup") { Color = "red" }, new(new Box(60, 5, 75, 20, frame), "cup")];
        var solver = new MeaningSolver(new ExpressionMargins());
        Assert.Null(solver.Solve(new EveryMeaning(new Selector("cup", "red")), objects));
        Assert.Equal([0], solver.Solve(new RankMeaning(new Selector("cup"), Order.FromLeft, 1), objects)!);
    }

    [Fact]
    public void ReadsAsWritten()
    {
        var frame = CoordinateFrame.Pixels(640, 480);
        DescribedObject[] objects =
        [
            new(new Box(300, 200, 480, 380, frame), "WBC"),
            new(new Box(100, 250, 130, 280, frame), "Platelets"),
            new(new Box(560, 260, 590, 300, frame), "Platelets"),
            new(new Box(590, 20, 620, 50, frame), "Platelets"),
        ];
        var solver = new MeaningSolver(new ExpressionMargins());
        var white = new EveryMeaning(new Selector("WBC"));
        var platelet = new Selector("Platelets");
        Assert.Equal([1], solver.Solve(new RelationMeaning(platelet, Relation.LeftOf, white), objects)!);
        Assert.Equal([1], solver.Solve(new RankMeaning(platelet, Order.FromLeft, 1), objects)!);
        Assert.Equal([3], solver.Solve(new RegionMeaning(platelet, Region.TopRight), objects)!);
        Assert.Equal([1, 2, 3], solver.Solve(new CountMeaning(platelet, 3), objects)!);
        Assert.Equal([], solver.Solve(new CountMeaning(platelet, 2), objects)!);
        Assert.Equal([2], solver.Solve(new DistanceMeaning(platelet, false, white), objects)!);
        // centres 30 pixels apart: more than the margin of 3.5 % of 640; with 20 it would be too close to call
        Assert.Equal([3], solver.Solve(new RankMeaning(platelet, Order.FromRight, 1), objects)!);
        objects[3] = objects[3] with { Box = new Box(580, 20, 610, 50, frame) };
        Assert.Null(solver.Solve(new RankMeaning(platelet, Order.FromRight, 1), objects));
    }

    private static ExpressionOptions Options => new() { AnyObject = ["shape"], Labels = Labels, Colors = Colors };

    private static (DescribedObject[] Objects, IReadOnlyList<Expression> Expressions) Make(int seed, ExpressionOptions? options = null)
    {
        var random = new RandomStream((ulong)seed);
        var frame = CoordinateFrame.Pixels(random.NextInt(100, 900), random.NextInt(100, 900));
        var objects = new DescribedObject[random.NextInt(1, 9)];
        for (var i = 0; i < objects.Length; i++)
        {
            var (w, h) = (random.NextDouble(0.04, 0.3) * frame.Width, random.NextDouble(0.04, 0.3) * frame.Height);
            var box = Box.FromXywh(random.NextDouble(0, frame.Width - w), random.NextDouble(0, frame.Height - h), w, h, frame);
            objects[i] = new DescribedObject(box, random.Choose(Labels)) { Color = random.NextInt(8) == 0 ? null : random.Choose(Colors) };
        }

        return (objects, new ExpressionGenerator(ClassNames.Plain, options ?? Options).Generate(objects, 10, random));
    }

    private static Box Jitter(Box b, RandomStream random)
    {
        double Move(double side, double size) => ((0.004 * side) + (0.02 * size)) * random.NextDouble(-1, 1);
        var (w, h) = (b.Frame.Width, b.Frame.Height);
        return new Box(b.X1 + Move(w, b.Width), b.Y1 + Move(h, b.Height), b.X2 + Move(w, b.Width), b.Y2 + Move(h, b.Height), b.Frame);
    }
}
