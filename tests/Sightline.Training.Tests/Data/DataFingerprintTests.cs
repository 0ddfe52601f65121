using Sightline.Geometry;
using Sightline.Training.Data;

namespace Sightline.Training.Tests.Data;

/// <summary>What makes the data of a run other data, and what does not.</summary>
public class DataFingerprintTests
{
    private static readonly Problem s_one = new("a", "Where?")
    {
        Pictures = [ProblemPicture.FromFile("here/a.png")],
        Solution = "(1,2),(3,4)",
        Boxes = [new LabelledBox("cup", new Box(1, 2, 3, 4, CoordinateFrame.Thousandths))],
    };

    [Fact]
    public void A_set_that_was_moved_is_the_same() =>
        Assert.Equal(DataFingerprint.Of([s_one]), DataFingerprint.Of([s_one with { Pictures = [ProblemPicture.FromFile("there/a.png")], Source = "elsewhere, line 7" }]));

    [Fact]
    public void All_that_is_learned_from_counts()
    {
        Problem[] others =
        [
            s_one with { Id = "b" }, s_one with { Prompt = "Where" }, s_one with { Pictures = [ProblemPicture.FromFile("here/b.png")] }, s_one with { Solution = null }, s_one with { Solution = "" },
            s_one with { Answer = "" }, s_one with { Label = "cup" }, s_one with { Frame = CoordinateFrame.Unit }, s_one with { Synonyms = ["mug"] }, s_one with { System = "Be brief." },
            s_one with { Boxes = null }, s_one with { Boxes = [] }, s_one with { Boxes = [new LabelledBox("cup", new Box(1, 2, 3, 4.0000001, CoordinateFrame.Thousandths))] },
            s_one with { Earlier = [new ProblemTurn(false, "What?"), new ProblemTurn(true, "A cup.")] },
        ];
        Assert.Equal(others.Length + 3, others.Select(other => DataFingerprint.Of([other])).Append(DataFingerprint.Of([s_one])).Append(DataFingerprint.Of([s_one, s_one])).Append(DataFingerprint.Of([])).Distinct().Count());
    }
}
