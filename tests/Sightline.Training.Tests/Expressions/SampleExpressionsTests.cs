using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Training.Data;
using Sightline.Training.Expressions;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Tests.Data;

namespace Sightline.Training.Tests.Expressions;

/// <summary>What labels leave open is neither present nor absent.</summary>
public class SampleExpressionsTests
{
    private static readonly string[] Classes = ["dog", "cat", "bird", "fish"];
    private static readonly CoordinateFrame Frame = CoordinateFrame.Pixels(64, 48);
    private static readonly Picture Grey = new(64, 48, new byte[64 * 48 * 3]);

    private static readonly DataSample Sample = new("a", "a.jpg", 64, 48)
    {
        Objects =
        [
            new LabelledBox("dog", new Box(2, 2, 20, 30, Frame)),
            new LabelledBox("dog", new Box(40, 2, 60, 30, Frame)) { Crowd = true },
            new LabelledBox("cat", new Box(5, 5, 60, 40, Frame)) { Crowd = true },
        ],
    };

    [Theory]
    [InlineData("dog", false)]  // a box of its own beside the crowd
    [InlineData("cat", true)]   // only a crowd
    [InlineData("bird", true)]  // not labelled everywhere
    [InlineData("fish", false)] // absent
    public void Crowds_and_incomplete_labels_leave_a_class_open(string label, bool unknown) =>
        Assert.Equal(unknown, SampleExpressions.IsUnknown(Sample with { IncompleteLabels = ["bird", "dog"] }, label));

    [Fact]
    public void A_list_of_absent_classes_leaves_all_others_open()
    {
        var sample = Sample with { AbsentLabels = ["fish"] };
        Assert.Equal(["dog", "fish"], Classes.Where(label => !SampleExpressions.IsUnknown(sample, label)));
    }

    [Fact]
    public void Detection_does_not_ask_for_what_nobody_knows()
    {
        var data = new DataSet { Name = "d", Format = DataFormat.Sightline, Classes = Classes, Samples = [Sample] };
        var phrases = new SampleExpressions(data, ClassNames.Plain).Detect(Sample with { IncompleteLabels = ["bird"] }, Grey, Classes).Phrases;
        Assert.Equal(["dog", "fish"], phrases.Select(phrase => phrase.Phrase));
        Assert.Equal([1, 0], phrases.Select(phrase => phrase.Boxes.Count));
    }

    [Fact]
    public void No_expression_says_that_a_class_is_absent_of_which_nobody_knows()
    {
        var data = new DataSet { Name = "d", Format = DataFormat.Sightline, Classes = Classes, Samples = [Sample] };
        var expressions = new SampleExpressions(data, ClassNames.Plain);
        var asked = Enumerable.Range(0, 100).SelectMany(seed =>
            expressions.Ground(Sample with { IncompleteLabels = ["bird"] }, Grey, 4, new RandomStream((ulong)seed)).Phrases).ToList();
        Assert.Contains(asked, phrase => phrase.Boxes.Count == 0 && phrase.Phrase.Contains("fish", StringComparison.Ordinal));
        Assert.DoesNotContain(asked, phrase => phrase.Boxes.Count == 0 && phrase.Phrase.Contains("bird", StringComparison.Ordinal));
    }

    [Fact]
    public void Training_pairs_each_class_with_its_own_answer()
    {
        using var folder = new DataFolder();
        folder.WriteBmp("a.bmp", 64, 48, (x, y) => ((byte)x, (byte)y, 0));
        var path = folder.Write("set.jsonl", """
            {"classes": ["dog", "cat", "bird", "fish"]}
            {"picture": "a.bmp", "width": 64, "height": 48, "frame": "pixels", "incomplete": ["bird"], "objects": [{"label": "fish", "box": [1, 2, 30, 40]}, {"label": "cat", "box": [1, 2, 60, 40], "crowd": true}]}
            """);
        var source = new PictureSource("s", new PictureRecipe { Path = path }, 1, TinyRun.Processor(), training: false);
        Assert.Equal([0, 3], source.ClassesAsked(0));
        Assert.Equal(["dog", "fish"], source.Get(0).Phrases);
        Assert.Equal([[], [0]], source.Get(0).Targets);
    }
}
