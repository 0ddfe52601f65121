using Sightline.Imaging;
using Sightline.Models.QwenVl;
using Sightline.Testing;
using Sightline.Training.Data;
using Sightline.Training.Recipes;
using Sightline.Training.Reinforcement;

namespace Sightline.Training.Tests.Reinforcement;

[Collection(Alone.Name)]
public sealed class ProblemReadingTests : TensorTest
{
    private static ProblemPicture Picture { get; } = ProblemPicture.FromPixels("grey", () => new Picture(64, 64, new byte[64 * 64 * 3]));

    private static TunedModel Open() => TunedModel.Open(new LanguageModelRecipe { Checkpoint = TinyQwen.Folder("tiny-qwen2-vl"), Adapters = new AdapterRecipe() }, seed: 1);

    [Fact]
    public void A_question_reads_as_the_processor_prepares_it()
    {
        using var model = Open();
        var problem = new Problem("one", "Where is the cup?") { Pictures = [Picture] };
        var read = new ProblemReading(model).Prepare("source", problem, answer: 8);
        Assert.Equal(QwenVlProcessor.Load(TinyQwen.Folder("tiny-qwen2-vl")).Prepare("Where is the cup?", Picture.Load()).Ids, read.Ids);
        Assert.Equal((64, 64), read.Size);
        Assert.Equal(Geometry.CoordinateFrame.Thousandths, read.Frame);
        Assert.Equal(read.Ids, new ProblemReading(model).Prepare("source", problem with { Prompt = "<image>Where is the cup?" }, answer: 8).Ids);
    }

    [Fact]
    public void Answers_of_earlier_turns_are_found_to_the_token()
    {
        using var model = Open();
        var problem = new Problem("two", "And the spoon?")
        {
            Pictures = [Picture],
            Earlier = [new ProblemTurn(false, "Where is the cup?"), new ProblemTurn(true, "On the left."), new ProblemTurn(false, "Sure?"), new ProblemTurn(true, "Yes.")],
        };
        var reading = new ProblemReading(model);
        var read = reading.Prepare("source", problem, answer: 8);
        Assert.Equal(["On the left.<|im_end|>", "Yes.<|im_end|>"], read.Earlier.Select(range => model.Processor.Tokenizer.Decode(read.Ids[range])));
        Assert.Equal(reading.Answer("Yes."), read.Ids[read.Earlier[1]]);
    }

    [Fact]
    public void More_places_than_pictures_are_refused_with_source_and_name()
    {
        using var model = Open();
        var error = Assert.Throws<SightlineException>(() => new ProblemReading(model).Prepare("shapes", new Problem("three", "<image> or <image>?") { Pictures = [Picture] }, answer: 8));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains("source 'shapes', problem 'three': the words have 2 places for pictures (<image>) and there are 1 pictures", error.Message, StringComparison.Ordinal);
    }
}
