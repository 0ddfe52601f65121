using Sightline.Models.QwenVl;
using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Tests.Models.QwenVl;

[Collection(Alone.Name)]
public sealed class QwenVlFolderTests : TensorTest
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-create-").FullName;

    protected override void Free() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("tiny")]
    [InlineData("small")]
    public void A_new_folder_opens_as_a_published_one(string preset)
    {
        var vocabulary = new WordVocabulary(["user", "assistant", "red", "star"], 10);
        var count = QwenVlFolder.Create(_folder, QwenVlShape.Presets[preset], vocabulary, 3);
        Assert.True(QwenVlModel.Fit(_folder).IsExact);
        var processor = QwenVlProcessor.Load(_folder);
        using var model = QwenVlModel.LoadForTraining(_folder);
        Assert.Equal(count, model.Parameters.Count);
        Assert.Equal(processor.ImageTokenId, model.Model.Config.ImageTokenId);
        Assert.InRange(vocabulary.Size, 1, model.Model.Sizes.VocabularySize);
        var table = model.Parameters["model.embed_tokens.weight"].Value.ToArray<float>();
        Assert.InRange(Math.Sqrt(table.Average(value => value * value)), 0.045, 0.055);
    }

    /// <summary>Numbers that are near each other start with like vectors, far ones with unlike ones.</summary>
    [Fact]
    public void Number_vectors_vary_with_their_value()
    {
        var vocabulary = new WordVocabulary([], 10);
        QwenVlFolder.Create(_folder, QwenVlShape.Presets["small"], vocabulary, 3);
        using var model = QwenVlModel.LoadForTraining(_folder);
        var table = model.Parameters["model.embed_tokens.weight"].Value;
        var (values, channels) = (table.ToArray<float>(), table.Shape[1]);
        var ids = vocabulary.Numbers.ToDictionary(number => number.Value, number => number.Id);
        Assert.Equal(101, ids.Count);
        double Like(int a, int b) => Enumerable.Range(0, channels).Sum(c => (double)values[(ids[a] * channels) + c] * values[(ids[b] * channels) + c]) / (channels * 0.05 * 0.05);
        Assert.InRange(Like(500, 510), 0.8, 1.1);
        Assert.InRange(Like(500, 560), 0.2, 0.8);
        Assert.InRange(Like(500, 900), -0.3, 0.3);
    }

    [Fact]
    public void Words_and_numbers_are_tokens_and_everything_else_is_bytes()
    {
        QwenVlFolder.Create(_folder, QwenVlShape.Presets["tiny"], new WordVocabulary(["the", "red", "star"], 10), 3);
        var tokenizer = Tokenizer.Load(_folder);
        Assert.Equal(["<|box_start|>", "(", "120", ",", "40", "),(", "1000", ",", "0", ")", "<|box_end|>"], Pieces("<|box_start|>(120,40),(1000,0)<|box_end|>"));
        Assert.Equal(["the", " red", " star", "."], Pieces("the red star."));
        Assert.Equal(["1", "2", "3"], Pieces("123"));
        Assert.Equal(["r", "e", "d", "s", "t", "a", "r"], Pieces("redstar"));
        foreach (var text in new[] { "Größe 7: naïve 星 [1, 2]\n\tend", "the red star at (10,20),(990,1000)", "" })
        {
            var ids = new List<int>();
            tokenizer.Encode(text, ids, addSpecialTokens: false);
            Assert.Equal(text, tokenizer.Decode([.. ids]));
        }

        string[] Pieces(string text)
        {
            var ids = new List<int>();
            tokenizer.Encode(text, ids, addSpecialTokens: false);
            return [.. ids.Select(id => tokenizer.Decode([id]))];
        }
    }

    [Fact]
    public void The_same_arguments_give_the_same_bytes()
    {
        var (first, second, other) = (Make("a", 3), Make("b", 3), Make("c", 4));
        foreach (var name in Directory.EnumerateFiles(first).Select(Path.GetFileName))
            Assert.Equal(File.ReadAllBytes(Path.Combine(first, name!)), File.ReadAllBytes(Path.Combine(second, name!)));
        Assert.NotEqual(File.ReadAllBytes(Path.Combine(first, "model.safetensors")), File.ReadAllBytes(Path.Combine(other, "model.safetensors")));

        string Make(string name, ulong seed)
        {
            var folder = Path.Combine(_folder, name);
            QwenVlFolder.Create(folder, QwenVlShape.Presets["tiny"], new WordVocabulary(["red"], 100), seed);
            return folder;
        }
    }

    [Fact]
    public void Sizes_that_do_not_fit_are_refused()
    {
        var error = Assert.Throws<SightlineException>(() => QwenVlFolder.Create(_folder, new QwenVlShape { Heads = 5 }, new WordVocabulary([], 10), 1));
        Assert.Equal(ErrorKind.Usage, error.Kind);
        Assert.Contains("192 channels must be 5 heads of a multiple of 16 channels", error.Message, StringComparison.Ordinal);
    }
}
