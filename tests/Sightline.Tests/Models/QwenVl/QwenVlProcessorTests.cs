using System.Text.Json;
using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Models.QwenVl;
using Sightline.Tensors;
using Sightline.Testing;
using Sightline.Tests.Imaging;

namespace Sightline.Tests.Models.QwenVl;

[Collection(Alone.Name)]
public sealed class QwenVlProcessorTests : TensorTest
{
    [Theory]
    [InlineData("tiny-qwen2-vl", 7)]
    [InlineData("tiny-qwen2_5-vl", 7)]
    [InlineData("tiny-qwen2_5-vl-bf16-sharded", 3)]
    public void PromptsEqualTheReference(string model, int cases)
    {
        var processor = QwenVlProcessor.Load(Fixtures.Path("models", model));
        using var document = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("qwen", "model_goldens", model, "cases.json")));
        foreach (var one in document.RootElement.GetProperty("cases").EnumerateObject())
        {
            var tensors = new FixtureTensors("qwen", "model_goldens", model, one.Name + ".safetensors");
            var width = tensors.Shape("input_ids")[1];
            var (ids, mask) = (tensors.Longs("input_ids"), tensors.Longs("attention_mask"));
            var (pictures, at) = (one.Value.GetProperty("images").EnumerateArray().Select(name => name.GetString()!).ToArray(), 0);
            for (var row = 0; row < tensors.Shape("input_ids")[0]; row++)
            {
                var messages = one.Value.GetProperty("messages")[row];
                var text = processor.Template.Render(messages);
                Assert.Equal(one.Value.GetProperty("prompt_text")[row].GetString(), text);
                var count = text.Split(QwenVlProcessor.ImageToken).Length - 1;
                var prompt = processor.Assemble(text, [.. pictures.Skip(at).Take(count).Select(name => processor.Images.Fit(Load(name)))]);
                at += count;
                var expected = Enumerable.Range(row * width, width).Where(i => mask[i] != 0).Select(i => (int)ids[i]);
                Assert.Equal(expected, prompt.Ids);
                foreach (var (start, length) in prompt.ImageSpans) Assert.All(prompt.Ids.Skip(start).Take(length), id => Assert.Equal(processor.ImageTokenId, id));
                Assert.Equal(prompt.Ids.Count(id => id == processor.ImageTokenId), prompt.ImageTokens);
            }

            Assert.Equal(pictures.Length, at);
        }

        Assert.Equal(cases, document.RootElement.GetProperty("cases").EnumerateObject().Count());
    }

    [Fact]
    public void StoredPixelValuesAreReproduced()
    {
        var processor = QwenVlProcessor.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        var stored = new GoldenTensors(Fixtures.Path("qwen", "model_goldens", "pixel_values.safetensors"));
        foreach (var name in new[] { "a", "b", "c" })
        {
            using var scope = TensorScope.Open();
            Assert.True(stored.Floats($"{name}.pixel_values").SequenceEqual(processor.Images.ToTensor(processor.Images.Fit(Load(name))).AsSpan<float>()), name);
        }
    }

    [Fact]
    public void ModelsSpeakInTheirOwnFrame()
    {
        var picture = Load("a");
        var qwen2 = QwenVlProcessor.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        var qwen25 = QwenVlProcessor.Load(Fixtures.Path("models", "tiny-qwen2_5-vl"));
        var ready = qwen25.Images.Fit(picture);
        Assert.Equal(CoordinateFrame.Thousandths, qwen2.FrameOf(ready));
        Assert.Equal(CoordinateFrame.Pixels(ready.Resized.Width, ready.Resized.Height), qwen25.FrameOf(ready));
        Assert.Equal(picture.Frame, ready.OriginalFrame);
    }

    [Fact]
    public void WrongNumbersOfPicturesAreRefused()
    {
        var processor = QwenVlProcessor.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        var picture = Load("a");
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => processor.Prepare([new("user", "no place")], [picture])).Kind);
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => processor.Prepare("words that spell <|image_pad|>", picture)).Kind);
    }

    [Fact]
    public void APromptTooLongIsASentenceThatNamesThePictures()
    {
        var processor = QwenVlProcessor.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        var prompt = processor.Prepare("where?", Load("b"), Load("c"));
        Assert.Equal(2, prompt.ImageSpans.Count);
        Assert.True(prompt.ImageSpans[0].Start < prompt.ImageSpans[1].Start);
        prompt.RequireFits(prompt.Ids.Length + 10, 10);
        var error = Assert.Throws<SightlineException>(() => prompt.RequireFits(prompt.Ids.Length + 9, 10));
        Assert.Equal(ErrorKind.Usage, error.Kind);
        Assert.Contains("2 picture(s)", error.Message, StringComparison.Ordinal);
    }

    private static Picture Load(string name) => Picture.Load(Fixtures.Path("qwen", "model_goldens", "images", name + ".png"));
}
