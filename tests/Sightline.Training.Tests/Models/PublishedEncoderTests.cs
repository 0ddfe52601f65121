using System.IO.Compression;
using System.Text.Json.Nodes;
using Sightline.Checkpoints;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Testing;
using Sightline.Text;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Tests.Models;

/// <summary>The grounding model with published encoders: starts from their weights, trains, freezes, is saved and comes back.</summary>
[Collection(Alone.Name)]
public sealed class PublishedEncoderTests : TensorTest
{
    private const string Image = "image_encoder.backbone.";
    private const string Text = "text_encoder.backbone.";
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-test-").FullName;

    [Theory]
    [InlineData("vit", "bert")]
    [InlineData("dinov2", "clip")]
    [InlineData("clip", "tiny-qwen2-vl")]
    [InlineData("siglip", "tiny-qwen2_5-vl-bf16-nested-names")]
    public void Training_starts_from_published_encoders(string image, string text)
    {
        var recipe = Recipe(Published(image), Published(text));
        using var trainer = new GroundingTrainer(recipe, new RunFolder(Path.Combine(_folder, "run")));
        var before = Snapshot(trainer.Model);
        AssertPublished(before, recipe.Model);

        var outcome = trainer.Run(new Quiet(), CancellationToken.None);
        Assert.True(outcome.Completed);
        var after = Snapshot(trainer.Model);
        foreach (var (path, values) in after)
        {
            var frozen = path.StartsWith(Image, StringComparison.Ordinal);
            Assert.True(frozen == values.AsSpan().SequenceEqual(before[path]), $"{path} {(frozen ? "moved" : "did not move")}");
        }

        var saved = Path.Combine(_folder, "saved");
        FusionFolder.Save(saved, trainer.Model, recipe.Model.TokenizerFolder(), DType.Float32);
        using var folder = HuggingFaceFolder.Open(saved);
        using var checkpoint = folder.OpenCheckpoint();
        using var parameters = ParameterStore.From(new CheckpointParameters(checkpoint));
        using var loaded = new FusionModel(FusionFolder.ReadConfig(folder), parameters);
        parameters.RequireComplete(saved);
        Assert.Equal(Answer(trainer.Model, recipe.Model.TokenizerFolder()), Answer(loaded, saved));

        using var grounder = Grounder.Load(outcome.ModelFolder);
        Assert.Equal(2, grounder.Ground(TestPicture(), ["the red star", "a long phrase with far more words than the model takes at once, and then some"]).Answers.Count);
    }

    /// <summary>The first token of a causal encoder has seen nothing; what stands first for the fusion has seen the whole phrase.</summary>
    [Theory]
    [InlineData("bert")]
    [InlineData("clip")]
    [InlineData("tiny-qwen2-vl")]
    public void The_first_word_sums_up_its_phrase(string text)
    {
        using var scope = TensorScope.Open();
        using var noGrad = Tape.NoGrad();
        var published = Published(text);
        var config = Small.WithText(PublishedEncoder.ReadText(published));
        using var parameters = ParameterStore.Initialize(1);
        using var model = new FusionModel(config, parameters);
        var processor = new FusionProcessor(config, Tokenizer.Load(published));
        var phrases = processor.ToTensors([["the red star", "the red ring", "the red star left of the blue ring and far above everything else in the whole wide picture"]]);
        Assert.Equal(config.MaxPhraseTokens, phrases.Lengths[2]);
        var words = model.EncodeText(phrases);
        var (rows, C) = (words.ToArray<float>(), words.Shape[1]);
        var second = phrases.Lengths[0];
        var third = second + phrases.Lengths[1];
        Assert.NotEqual(rows[..C], rows[(second * C)..((second + 1) * C)]);
        Assert.NotEqual(rows[..C], rows[(third * C)..((third + 1) * C)]);
        if (text == "tiny-qwen2-vl") return; // has no token that ends every text
        Assert.Equal(phrases.Ids.ToArray<long>()[second - 1], phrases.Ids.ToArray<long>()[^1]);
    }

    [Fact]
    public void A_trained_folder_keeps_its_encoders_when_training_goes_on()
    {
        var first = Recipe(Published("vit"), Published("bert"));
        using (var trainer = new GroundingTrainer(first, new RunFolder(Path.Combine(_folder, "first")))) trainer.Run(new Quiet(), CancellationToken.None);
        var model = Path.Combine(_folder, "first", "model");
        var second = Recipe(null, null);
        second.Model.InitializeFrom = model;
        Assert.Equal(model, second.Model.TokenizerFolder());
        using var next = new GroundingTrainer(second, new RunFolder(Path.Combine(_folder, "second")));
        Assert.Equal("vit", next.Model.Config.ImageEncoder!.ModelType);
        Assert.Equal("bert", next.Model.Config.TextEncoder!.ModelType);
        Assert.Empty(next.Model.Parameters.Missing);
    }

    [Fact]
    public void Without_published_encoders_nothing_changes_on_disk()
    {
        using var parameters = ParameterStore.Initialize(1);
        using var model = new FusionModel(Small, parameters);
        FusionFolder.Save(_folder, model, Fixtures.Path("models", "bert"));
        var keys = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "config.json")))!.AsObject().Select(pair => pair.Key);
        Assert.DoesNotContain("image_encoder", keys);
        Assert.DoesNotContain("text_encoder", keys);
        Assert.DoesNotContain(parameters.All, parameter => parameter.Path.Contains("backbone", StringComparison.Ordinal));
    }

    [Fact]
    public void A_published_encoder_is_counted()
    {
        var own = FusionCost.Of(Small);
        var vit = FusionCost.Of(Small.WithImage(PublishedEncoder.ReadImage(Fixtures.Path("models", "vit"))));
        Assert.True(vit.Parameters > own.Parameters);
        Assert.True(vit.ImageFlops > own.ImageFlops);
    }

    [Theory]
    [InlineData("bert", "bert", "holds a model of type 'bert', but 'vit' or")]
    [InlineData("vit", "vit", "holds a model of type 'vit', but 'bert' or")]
    public void A_folder_of_another_kind_is_named(string image, string text, string expected)
    {
        var error = Assert.Throws<SightlineException>(() => Recipe(Published(image), Published(text)).Model.ToConfig());
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_tensor_of_an_encoder_is_not_started_anew()
    {
        var damaged = Path.Combine(_folder, "damaged");
        Directory.CreateDirectory(damaged);
        foreach (var file in new[] { "model.safetensors", "preprocessor_config.json" }) File.Copy(Fixtures.Path("models", "vit", file), Path.Combine(damaged, file));
        var config = JsonNode.Parse(File.ReadAllText(Fixtures.Path("models", "vit", "config.json")))!;
        config["num_hidden_layers"] = 4;
        File.WriteAllText(Path.Combine(damaged, "config.json"), config.ToJsonString());
        var error = Assert.Throws<SightlineException>(() => new GroundingTrainer(Recipe(damaged, Published("bert")), new RunFolder(Path.Combine(_folder, "run"))));
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.StartsWith(damaged, error.Message, StringComparison.Ordinal);
        Assert.Contains("encoder.layer.3", error.Message, StringComparison.Ordinal);
        Assert.Contains("is missing", error.Message, StringComparison.Ordinal);
    }

    protected override void Free() => Directory.Delete(_folder, recursive: true);

    private static FusionConfig Small => FusionConfig.Nano with
    {
        ImageSize = 64,
        StemChannels = [4, 8, 8],
        LocalLayers = 1,
        HiddenSize = 16,
        NumAttentionHeads = 2,
        ImageLayers = 1,
        TextLayers = 1,
        FusionLayers = 1,
        PhraseLayers = 1,
        MaxPhraseTokens = 12,
        HeadChannels = 8,
        ProjectionSize = 8,
        WordEmbeddingSize = 8,
        VocabSize = 6000,
    };

    private static TrainingRecipe Recipe(string? image, string? text) => new()
    {
        Name = "published",
        Model = new ModelRecipe { Config = Small, ImageEncoderFrom = image, TextEncoderFrom = text, Tokenizer = Fixtures.Path("models", "bert") },
        Train = [new SourceRecipe { Name = "scenes", Scenes = new SceneRecipe { MinimumSide = 48, MaximumSide = 64, Phrases = 3 } }],
        Stages =
        [
            new StageRecipe { Kind = StageKind.Contrastive, Steps = 1, Batch = 2, WarmUp = 0, ValidateEvery = 0, AverageDecay = 0, Freeze = [Image, Text] },
            new StageRecipe { Kind = StageKind.Boxes, Steps = 2, Batch = 2, WarmUp = 0, ValidateEvery = 0, AverageDecay = 0, Freeze = [Image] },
        ],
    };

    /// <summary>A folder of the fixtures; CLIP's has its tokenizer elsewhere, packed.</summary>
    private string Published(string model)
    {
        if (model != "clip") return Fixtures.Path("models", model);
        var folder = Path.Combine(_folder, "clip");
        if (Directory.Exists(folder)) return folder;
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(Fixtures.Path("models", "clip"))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        foreach (var file in new[] { "vocab.json", "merges.txt" })
        {
            using var packed = new GZipStream(File.OpenRead(Fixtures.Path("tokenizers", "clip", file + ".gz")), CompressionMode.Decompress);
            using var output = File.Create(Path.Combine(folder, file));
            packed.CopyTo(output);
        }

        return folder;
    }

    private static void AssertPublished(Dictionary<string, float[]> values, ModelRecipe recipe)
    {
        var config = recipe.ToConfig();
        using var image = config.ImageEncoder!.OpenWeights(recipe.ImageEncoderFrom!);
        using var text = config.TextEncoder!.OpenWeights(recipe.TextEncoderFrom!);
        foreach (var (path, actual) in values)
        {
            var isImage = path.StartsWith(Image, StringComparison.Ordinal);
            if (!isImage && !path.StartsWith(Text, StringComparison.Ordinal)) continue;
            using var stored = (isImage ? image : text).Load(path[(isImage ? Image : Text).Length..], DType.Float32);
            Assert.True(stored.ToArray<float>().AsSpan().SequenceEqual(actual), path);
        }

        Assert.Contains(values.Keys, path => path.StartsWith(Image, StringComparison.Ordinal));
        Assert.Contains(values.Keys, path => path.StartsWith(Text, StringComparison.Ordinal));
    }

    private static Dictionary<string, float[]> Snapshot(FusionModel model) =>
        model.Parameters.All.ToDictionary(parameter => parameter.Path, parameter => parameter.Value.ToArray<float>());

    private static Picture TestPicture()
    {
        var rgb = new byte[80 * 60 * 3];
        for (var i = 0; i < rgb.Length; i++) rgb[i] = (byte)(i * 7);
        return Picture.FromPixels(rgb, 80, 60);
    }

    private static float[] Answer(FusionModel model, string tokenizer)
    {
        using var scope = TensorScope.Open();
        using var noGrad = Tape.NoGrad();
        var processor = new FusionProcessor(model.Config, Tokenizer.Load(tokenizer));
        var output = model.Forward(processor.ToTensor([processor.Fit(TestPicture())]), processor.ToTensors([["the red star", "circle left of the blue ring"]]));
        return [.. output.Boxes.ToArray<float>(), .. output.Logits.ToArray<float>(), .. output.Presence.ToArray<float>()];
    }

    private sealed class Quiet : ITrainingObserver
    {
        public void OnStep(TrainingStep step) => Assert.True(step.Metrics.Values.All(float.IsFinite));

        public void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores)
        {
        }

        public void OnCheckpoint(string folder)
        {
        }
    }
}
