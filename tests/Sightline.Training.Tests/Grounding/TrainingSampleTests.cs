using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Tests.Grounding;

public class TrainingSampleTests
{
    private static readonly Box A = new(0.1, 0.2, 0.5, 0.6, CoordinateFrame.Unit);
    private static readonly Box B = new(0.5, 0.5, 1, 1, CoordinateFrame.Unit);

    [Fact]
    public void The_same_box_in_several_phrases_is_one_object()
    {
        var sample = TinyRun.Sample(TinyRun.Processor(), new PhraseBoxes("red star", [A]), new PhraseBoxes("star", [B, A]), new PhraseBoxes("left star", [A]));
        Assert.Equal(2, sample.Objects.Length);
        Assert.Equal([[0], [1, 0], [0]], sample.Targets);
        Assert.Equal([false, false, true], sample.PositionSensitive);
    }

    [Fact]
    public void Empty_boxes_and_boxes_outside_the_picture_are_no_objects()
    {
        var sample = TinyRun.Sample(
            TinyRun.Processor(),
            new PhraseBoxes("red star", [new Box(0.3, 0.3, 0.3, 0.6, CoordinateFrame.Unit), new Box(1.2, 1.2, 1.5, 1.5, CoordinateFrame.Unit)]),
            new PhraseBoxes("blue ring", [new Box(-0.5, 0.5, 0.5, 1.5, CoordinateFrame.Unit)]));
        Assert.Equal([[], [0]], sample.Targets);
        Assert.Equal(new CanvasBox(0, 0.5f, 0.5f, 1), sample.Objects.Single());
    }

    [Fact]
    public void Boxes_follow_the_picture_onto_its_canvas()
    {
        // 100 x 50 on a canvas of 64: 64 x 32 in the middle
        var grounded = new GroundedPicture(new Picture(100, 50, new byte[100 * 50 * 3]), [new PhraseBoxes("all", [new Box(0, 0, 100, 50, CoordinateFrame.Pixels(100, 50))])]);
        var sample = TrainingSample.From("x", grounded, TinyRun.Processor());
        Assert.Equal(new CanvasBox(0, 0.25f, 1, 0.75f), sample.Objects.Single());
        Assert.Equal(new Box(0, 0, 100, 50, CoordinateFrame.Pixels(100, 50)), sample.Canvas.ToSource([0, 0.25f, 1, 0.75f]));
    }

    [Theory]
    [InlineData(0.5f, 0, 1.5f, 1, 1 / 3f)]
    [InlineData(0, 0, 1, 1, 1)]
    [InlineData(1, 0, 2, 1, 0)]
    [InlineData(0.5f, 0.5f, 0.5f, 0.5f, 0)]
    public void Overlap_is_intersection_over_union(float x1, float y1, float x2, float y2, float expected) =>
        Assert.Equal(expected, new CanvasBox(0, 0, 1, 1).Iou(new CanvasBox(x1, y1, x2, y2)), 1e-6f);

    [Fact]
    public void Phrases_are_limited_without_changing_their_order()
    {
        var sample = TinyRun.Sample(TinyRun.Processor(), [.. Enumerable.Range(0, 9).Select(i => new PhraseBoxes($"star {i}", i % 2 == 0 ? [A] : []))]);
        Assert.Same(sample, PhraseChoice.Limit(StageKind.Boxes, sample, 9, new RandomStream(1)));
        var seen = new HashSet<string>();
        for (ulong seed = 0; seed < 40; seed++)
        {
            var limited = PhraseChoice.Limit(StageKind.Boxes, sample, 4, new RandomStream(seed));
            Assert.Equal(4, limited.Phrases.Distinct().Count());
            Assert.Equal(limited.Phrases.Order(StringComparer.Ordinal), limited.Phrases);
            for (var p = 0; p < 4; p++)
            {
                var before = Array.IndexOf(sample.Phrases, limited.Phrases[p]);
                Assert.Same(sample.Targets[before], limited.Targets[p]);
                Assert.Equal(sample.PositionSensitive[before], limited.PositionSensitive[p]);
            }

            seen.UnionWith(limited.Phrases);
        }

        Assert.Equal(9, seen.Count);
    }

    [Fact]
    public void A_share_of_the_samples_of_a_box_stage_is_asked_as_little_as_applications_ask()
    {
        var stage = new StageRecipe { Kind = StageKind.Boxes, Steps = 1, MaximumPhrases = 8, FewPhrases = 0.5 };
        var counts = Enumerable.Range(0, 400).Select(seed => PhraseChoice.Most(stage, new RandomStream((ulong)seed))).CountBy(most => most).ToDictionary();
        Assert.Equal([1, 2, 3, 8], counts.Keys.Order());
        Assert.InRange(counts[8], 150, 250);
        stage.MaximumPhrases = 2;
        Assert.InRange(Enumerable.Range(0, 100).Max(seed => PhraseChoice.Most(stage, new RandomStream((ulong)seed))), 1, 2);
        stage.Kind = StageKind.Contrastive;
        Assert.Equal(2, Enumerable.Range(0, 100).Min(seed => PhraseChoice.Most(stage, new RandomStream((ulong)seed))));
    }

    [Fact]
    public void Absent_classes_do_not_crowd_out_the_objects()
    {
        var sample = TinyRun.Sample(TinyRun.Processor(), [.. Enumerable.Range(0, 80).Select(i => new PhraseBoxes($"class {i:00}", i % 40 == 7 ? [A] : []))]);
        for (ulong seed = 0; seed < 20; seed++)
        {
            Assert.Equal(2, PhraseChoice.Limit(StageKind.Boxes, sample, 8, new RandomStream(seed)).Targets.Count(target => target.Length > 0));
            Assert.Contains(PhraseChoice.Limit(StageKind.Contrastive, sample, 1, new RandomStream(seed)).Targets, target => target.Length > 0);
        }
    }

    [Fact]
    public void A_contrastive_stage_needs_a_phrase_for_an_object_by_itself()
    {
        var processor = TinyRun.Processor();
        var relational = TinyRun.Sample(processor, new PhraseBoxes("left star", [A]), new PhraseBoxes("ring", []));
        Assert.True(PhraseChoice.Serves(StageKind.Boxes, relational));
        Assert.False(PhraseChoice.Serves(StageKind.Contrastive, relational));
        Assert.True(PhraseChoice.Serves(StageKind.Contrastive, TinyRun.Sample(processor, new PhraseBoxes("star", [A]))));
        Assert.False(PhraseChoice.Serves(StageKind.Boxes, TinyRun.Sample(processor)));
    }

    [Fact]
    public void A_mixture_keeps_its_proportions_and_finds_any_sample_by_number()
    {
        var sources = new[] { new Numbers("a"), new Numbers("b"), new Numbers("c") };
        var mixture = new SampleMixture([(sources[0], 3), (sources[1], 1), (sources[2], 0.5)]);
        var names = Enumerable.Range(0, 4500).Select(i => mixture.Get(i).Name).ToArray();
        foreach (var (source, share) in new[] { ("a", 3000), ("b", 1000), ("c", 500) })
        {
            var own = names.Where(name => name.StartsWith(source, StringComparison.Ordinal)).ToArray();
            Assert.InRange(own.Length, share - 3, share + 3);
            Assert.Equal(Enumerable.Range(0, own.Length).Select(i => $"{source}{i}"), own); // every sample of a source, in order
        }

        Assert.Equal("a", mixture.Get(0).Name[..1]);
    }

    [Fact]
    public void Speed_and_time_left_come_from_recent_steps()
    {
        var clock = new HandClock();
        var meter = new SpeedMeter(clock);
        for (var i = 0; i < 200; i++)
        {
            clock.Seconds += i < 100 ? 4 : 0.5;
            meter.Tick(8, TimeSpan.FromSeconds(0.1));
        }

        Assert.Equal(16, meter.PerSecond, 1e-6);
        Assert.Equal(0.2, meter.WaitShare, 1e-6);
        Assert.Equal(TimeSpan.FromSeconds(5), meter.Remaining(10));
    }

    private sealed class Numbers(string name) : ISampleSource
    {
        private static readonly TrainingSample Any = TinyRun.Sample(TinyRun.Processor(), new PhraseBoxes("star", [A]));

        public string Name => name;

        public int? Count => null;

        public TrainingSample Get(long index) => Any with { Name = $"{name}{index}" };
    }

    private sealed class HandClock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => (long)Math.Round(Seconds * TimestampFrequency);
    }
}
