using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Training.Grounding;

namespace Sightline.Training.Tests.Grounding;

public class TaskAlignedAssignerTests
{
    private const int Side = 8; // the grid of a canvas of 64

    [Fact]
    public void Without_objects_nothing_is_assigned() => Assert.Empty(Assign(Sample(("nothing", [])), _ => new CanvasBox(0, 0, 1, 1)));

    [Fact]
    public void Only_places_inside_the_object_answer_for_it()
    {
        var assigned = Assign(Sample(("a", [(0.25, 0.25, 0.75, 0.75)])), _ => new CanvasBox(0.25f, 0.25f, 0.75f, 0.75f), topK: 100);
        Assert.Equal(16, assigned.Count);
        Assert.All(assigned, each => Assert.True(each.Place / Side is >= 2 and <= 5 && each.Place % Side is >= 2 and <= 5));
        Assert.All(assigned, each => Assert.Equal(1, each.Quality, 1e-6f)); // every box is right, all alignments are equal
    }

    [Fact]
    public void The_best_places_are_chosen_and_the_best_has_the_quality_of_its_box()
    {
        // boxes get worse from left to right
        var assigned = Assign(Sample(("a", [(0, 0, 1, 1)])), place => new CanvasBox(0, 0, 1 - (0.1f * (place % Side)), 1), topK: 5);
        Assert.Equal(5, assigned.Count);
        Assert.All(assigned, each => Assert.Equal(0, each.Place % Side));
        Assert.Equal(1, assigned.Max(each => each.Quality), 1e-6f);
    }

    [Fact]
    public void Alignment_decides_between_equal_boxes()
    {
        var assigned = Assign(Sample(("a", [(0, 0, 1, 1)])), _ => new CanvasBox(0, 0, 1, 1), topK: 1, (_, place) => place == 42 ? 3 : -3);
        Assert.Equal(42, Assert.Single(assigned).Place);
    }

    [Fact]
    public void A_contested_place_goes_to_the_object_it_overlaps_more()
    {
        // both objects hold place (3, 3); its box is the second object
        var assigned = Assign(
            Sample(("a", [(0, 0, 1, 1)]), ("b", [(0.25, 0.25, 0.75, 0.75)])), _ => new CanvasBox(0.25f, 0.25f, 0.75f, 0.75f), topK: 100);
        Assert.Equal(1, assigned.Single(each => each.Place == (3 * Side) + 3).Object);
        Assert.Equal(0, assigned.Single(each => each.Place == 0).Object);
        Assert.Equal(assigned.Count, assigned.Select(each => each.Place).Distinct().Count());
        Assert.Equal(assigned.Select(each => each.Place).Order(), assigned.Select(each => each.Place));
    }

    [Fact]
    public void An_object_smaller_than_a_cell_still_has_a_place()
    {
        var assigned = Assign(Sample(("a", [(0.51, 0.51, 0.53, 0.53)])), _ => new CanvasBox(0.5f, 0.5f, 0.55f, 0.55f));
        var only = Assert.Single(assigned);
        Assert.Equal((4 * Side) + 4, only.Place);
    }

    [Fact]
    public void While_all_boxes_are_far_off_the_middle_is_chosen()
    {
        var assigned = Assign(Sample(("a", [(0, 0, 0.6, 0.6)])), _ => new CanvasBox(0.9f, 0.9f, 1, 1), topK: 1);
        var only = Assert.Single(assigned);
        Assert.True(only.Place / Side == 2 && only.Place % Side == 2, $"place {only.Place}");
        Assert.Equal(0, only.Quality);
    }

    [Fact]
    public void Hundreds_of_objects_are_assigned()
    {
        var boxes = Enumerable.Range(0, 600).Select(i => ((i % 30) / 30.0, (i / 30) / 30.0, ((i % 30) + 0.9) / 30.0, ((i / 30) + 0.9) / 30.0)).ToArray();
        var assigned = Assign(Sample(("a", boxes)), _ => new CanvasBox(0, 0, 1, 1));
        Assert.All(assigned, each => Assert.InRange(each.Object, 0, 599));
        Assert.NotEmpty(assigned);
    }

    [Fact]
    public void One_to_one_takes_one_place_an_object()
    {
        var sample = Sample(("a", [(0, 0, 0.5, 0.5)]), ("b", [(0.5, 0.5, 1, 1)]));
        var boxes = Boxes(place => place == 9 ? new CanvasBox(0, 0, 0.5f, 0.5f) : place == 50 ? new CanvasBox(0.5f, 0.5f, 1, 1) : new CanvasBox(0.3f, 0.3f, 0.7f, 0.7f));
        var result = new List<Assignment>();
        new HungarianAssigner(Side).Assign(boxes, new float[2 * Side * Side], sample, result);
        Assert.Equal([new Assignment(9, 0, 1), new Assignment(50, 1, 1)], result);
    }

    [Fact]
    public void One_to_one_weighs_the_words_against_the_boxes()
    {
        // both places have the same box; the phrase of the first object is sure of place 40, that of the second of place 20
        var sample = Sample(("a", [(0, 0, 0.5, 0.5)]), ("b", [(0.01, 0, 0.5, 0.5)]), ("both", [(0, 0, 0.5, 0.5), (0.01, 0, 0.5, 0.5)]), ("nothing", []));
        var boxes = Boxes(place => place is 20 or 40 ? new CanvasBox(0, 0, 0.5f, 0.5f) : new CanvasBox(0.9f, 0.9f, 1, 1));
        var logits = new float[4 * Side * Side];
        Array.Fill(logits, -4);
        (logits[40], logits[(Side * Side) + 20]) = (4, 4);
        var result = new List<Assignment>();
        new HungarianAssigner(Side).Assign(boxes, logits, sample, result);
        Assert.Equal([(20, 1), (40, 0)], result.Select(each => (each.Place, each.Object)));
        // phrases that were left out of a step leave objects that no phrase means
        result.Clear();
        new HungarianAssigner(Side).Assign(boxes, logits, sample with { Targets = [[], [], [], []] }, result);
        Assert.Equal([20, 40], result.Select(each => each.Place));
    }

    private static TrainingSample Sample(params (string Phrase, (double, double, double, double)[] Boxes)[] phrases) =>
        TinyRun.Sample(TinyRun.Processor(), [.. phrases.Select(phrase => new PhraseBoxes(
            phrase.Phrase, [.. phrase.Boxes.Select(b => new Box(b.Item1, b.Item2, b.Item3, b.Item4, CoordinateFrame.Unit))]))]);

    private static float[] Boxes(Func<int, CanvasBox> box) =>
        [.. Enumerable.Range(0, Side * Side).Select(box).SelectMany(b => new[] { b.X1, b.Y1, b.X2, b.Y2 })];

    private static List<Assignment> Assign(TrainingSample sample, Func<int, CanvasBox> box, int topK = 10, Func<int, int, float>? logit = null)
    {
        var logits = new float[Math.Max(sample.Phrases.Length, 1) * Side * Side];
        for (var i = 0; i < logits.Length; i++) logits[i] = logit?.Invoke(i / (Side * Side), i % (Side * Side)) ?? 0;
        var result = new List<Assignment>();
        new TaskAlignedAssigner(Side, topK).Assign(Boxes(box), logits, sample, result);
        return result;
    }
}
