using System.Text.Json.Nodes;
using Sightline.Checkpoints;
using Sightline.Grounding;
using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Quantized;
using Sightline.Testing;

namespace Sightline.Tests.Models;

[Collection(Alone.Name)]
public sealed class FusionFolderTests : IDisposable
{
    private readonly long _liveBefore = NativePool.Shared.LiveBytes;
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-model-").FullName;

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Assert.Equal(_liveBefore, NativePool.Shared.LiveBytes);
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void A_model_is_read_back_as_it_was_written(DType type)
    {
        using var model = TinyFusion.Model();
        FusionFolder.Save(_folder, model, TinyFusion.TokenizerFolder, type);
        using var source = HuggingFaceFolder.Open(_folder);
        Assert.Equal(FusionConfig.ModelType, source.ModelType);
        Assert.Equivalent(TinyFusion.Config, FusionFolder.ReadConfig(source), strict: true);
        using var checkpoint = source.OpenCheckpoint();
        using var parameters = ParameterStore.From(new CheckpointParameters(checkpoint));
        using var read = new FusionModel(FusionFolder.ReadConfig(source), parameters);
        parameters.RequireComplete("folder");
        foreach (var parameter in model.Parameters.All)
        {
            var expected = parameter.Value.ToArray<float>().Select(value => type == DType.Float32 ? value : (float)(BFloat16)value);
            Assert.Equal(expected, read.Parameters[parameter.Path].Value.ToArray<float>());
        }
    }

    [Fact]
    public void The_same_model_gives_the_same_bytes()
    {
        using var model = TinyFusion.Model();
        FusionFolder.Save(_folder, model, TinyFusion.TokenizerFolder);
        var first = Directory.GetFiles(_folder).Order().Select(File.ReadAllBytes).ToArray();
        FusionFolder.Save(_folder, model, _folder); // its own folder as the tokenizer's
        Assert.Equal(first, Directory.GetFiles(_folder).Order().Select(File.ReadAllBytes));
    }

    [Theory]
    [InlineData("hidden_size", null, "hidden_size")]
    [InlineData("hidden_sise", "16", "hidden_sise")]
    [InlineData("num_attention_heads", "3", "must be a multiple of num_attention_heads (3)")]
    [InlineData("image_size", "100", "image_size must be a multiple of 16")]
    [InlineData("stem_channels", "[1, 2]", "stem_channels must be three numbers from 1 to 4096")]
    [InlineData("image_size", "1000000", "image_size must be a multiple of 16 from 32 to 4096, is 1000000")]
    [InlineData("text_layers", "257", "text_layers must be from 0 to 256, is 257")]
    [InlineData("max_phrase_tokens", "2", "max_phrase_tokens must be from 3 to 4096, is 2")]
    [InlineData("dropout", "1", "dropout must be in [0, 1)")]
    [InlineData("vocab_size", "\"many\"", "vocab_size")]
    public void A_configuration_that_does_not_fit_is_refused_with_its_key(string key, string? value, string sentence)
    {
        using (var model = TinyFusion.Model()) FusionFolder.Save(_folder, model, TinyFusion.TokenizerFolder);
        var path = Path.Combine(_folder, "config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        if (value is null) json.Remove(key);
        else json[key] = JsonNode.Parse(value);
        File.WriteAllText(path, json.ToJsonString());
        using var source = HuggingFaceFolder.Open(_folder);
        var error = Assert.Throws<SightlineException>(() => FusionFolder.ReadConfig(source));
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Sightline.Models", error.Message, StringComparison.Ordinal); // a type of .NET says nothing to a user
    }

    [Theory]
    [InlineData("image_encoder.stem.0.conv.weight", float.NaN, null)]
    [InlineData("text_encoder.norm.bias", float.PositiveInfinity, null)]
    [InlineData("text_encoder.layers.0.attention.query.weight", float.NaN, QuantizedFormat.Int8)]
    public void Weights_that_are_no_numbers_are_refused_with_file_and_tensor(string path, float value, QuantizedFormat? format)
    {
        var config = TinyFusion.Config with { HiddenSize = 64 }; // wide enough to be quantized
        using (var model = new FusionModel(config, ParameterStore.Initialize(1)))
        {
            model.Parameters[path].Value.AsSpan<float>()[3] = value;
            FusionFolder.Save(_folder, model, TinyFusion.TokenizerFolder);
        }

        var error = Assert.Throws<SightlineException>(() => Grounder.Load(_folder, format));
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains("model.safetensors: 1 of the ", error.Message, StringComparison.Ordinal);
        Assert.Contains($"values of the tensor \"{path}\" are NaN or infinite", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Scores_that_are_no_numbers_are_an_error_and_not_nothing()
    {
        using (var model = TinyFusion.Model())
        {
            foreach (ref var weight in model.Parameters["image_encoder.stem.2.norm.weight"].Value.AsSpan<float>()) weight = float.MaxValue; // finite, but sums of it are not
            FusionFolder.Save(_folder, model, TinyFusion.TokenizerFolder, DType.Float32);
        }

        using var grounder = Grounder.Load(_folder);
        var error = Assert.Throws<SightlineException>(() => grounder.Ground(TinyFusion.Picture(), ["red"]));
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains("scores are not numbers", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_presets_are_sound() => Assert.All(FusionConfig.Presets.Values, config => config.Validate());
}
