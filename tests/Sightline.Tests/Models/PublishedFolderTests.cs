using System.Text.Json;
using System.Text.Json.Nodes;
using Sightline.Models;
using Sightline.Models.Bert;
using Sightline.Models.Clip;
using Sightline.Models.Dinov2;
using Sightline.Models.Qwen2;
using Sightline.Models.Siglip;
using Sightline.Models.Vit;
using Sightline.Testing;
using Sightline.Tests.Checkpoints;

namespace Sightline.Tests.Models;

/// <summary>What a user reads who gives the wrong folder, or a damaged one.</summary>
[Collection(Alone.Name)]
public sealed class PublishedFolderTests : TensorTest
{
    public static TheoryData<string, string> Architectures => new()
    {
        { "vit", "bert" }, { "clip", "siglip" }, { "siglip", "clip" }, { "dinov2", "vit" }, { "bert", "vit" }, { "tiny-qwen2-vl", "bert" },
    };

    [Fact]
    public void Keys_that_are_missing_keep_their_defaults()
    {
        var sizes = "\"hidden_size\": 8, \"intermediate_size\": 8, \"num_hidden_layers\": 1, \"num_attention_heads\": 2";
        var qwen = Qwen2Config.Read(Json($"{{{sizes}, \"num_key_value_heads\": 2, \"vocab_size\": 4}}"), "the test");
        Assert.Equal((1e-6f, 32768, "silu"), (qwen.RmsNormEps, qwen.MaxPositionEmbeddings, qwen.HiddenAct));
        var vit = VitConfig.Read(Json($"{{{sizes}, \"image_size\": 32, \"patch_size\": 16}}"), "the test");
        Assert.Equal((1e-12f, true, "gelu"), (vit.LayerNormEps, vit.QkvBias, vit.HiddenAct));
        // as the first ViT folders have it: no do_rescale, no resample
        var pictures = PicturePreprocessor.Read(Json("""{"size": 224, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}"""), "the test");
        Assert.Equal(-1, pictures.Normalization[0, 0]);

        static JsonElement Json(string text)
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Another_architecture_is_named(string wanted, string given)
    {
        var error = Assert.Throws<SightlineException>(() => Load(wanted, Fixtures.Path("models", given)).Dispose());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains($"holds a model of type '{given}'", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Sizes_that_do_not_fit_the_weights_are_named(string model, string _)
    {
        using var folder = Copy(model, config =>
        {
            foreach (var part in new[] { config, config["vision_config"]?.AsObject(), config["text_config"]?.AsObject() })
            {
                var key = model.Contains("qwen", StringComparison.Ordinal) ? "intermediate_size" : "hidden_size"; // its rotary sections depend on the latter
                if (part?[key] is { } size) part[key] = size.GetValue<int>() * 2;
            }
        });
        var error = Assert.Throws<SightlineException>(() => Load(model, folder.Path).Dispose());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains("the checkpoint does not fit the model", error.Message, StringComparison.Ordinal);
        Assert.Contains("in the file and", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void A_missing_layer_is_named(string model, string _)
    {
        using var folder = Copy(model, config =>
        {
            foreach (var part in new[] { config, config["vision_config"]?.AsObject() })
            {
                if (part?["num_hidden_layers"] is { } layers) part["num_hidden_layers"] = layers.GetValue<int>() + 1;
            }
        });
        var error = Assert.Throws<SightlineException>(() => Load(model, folder.Path).Dispose());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains("is missing", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vit", "hidden_size")]
    [InlineData("dinov2", "patch_size")]
    [InlineData("bert", "vocab_size")]
    [InlineData("tiny-qwen2-vl", "num_key_value_heads")]
    [InlineData("clip", "vision_config")]
    public void A_missing_key_is_named(string model, string key)
    {
        using var folder = Copy(model, config => config.Remove(key));
        var error = Assert.Throws<SightlineException>(() => Load(model, folder.Path).Dispose());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vit", "hidden_act", "\"mish\"", "mish")]
    [InlineData("vit", "num_attention_heads", "5", "multiple of num_attention_heads")]
    [InlineData("dinov2", "out_indices", "[9]", "out_indices")]
    [InlineData("bert", "num_hidden_layers", "\"three\"", "config.json does not describe the model that its model_type names: num_hidden_layers")]
    [InlineData("tiny-qwen2-vl", "use_sliding_window", "true", "use_sliding_window")]
    [InlineData("tiny-qwen2-vl", "rope_scaling", "{\"type\": \"yarn\"}", "yarn")]
    public void A_value_that_cannot_be_used_is_named(string model, string key, string value, string expected)
    {
        using var folder = Copy(model, config => config[key] = JsonNode.Parse(value));
        var error = Assert.Throws<SightlineException>(() => Load(model, folder.Path).Dispose());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bert.encoder.layer.0.attention.output.LayerNorm.gamma", "encoder.layer.0.attention.output.LayerNorm.weight")]
    [InlineData("bert.embeddings.LayerNorm.beta", "embeddings.LayerNorm.bias")]
    [InlineData("embeddings.LayerNorm.weight", "embeddings.LayerNorm.weight")]
    public void Old_names_of_bert_are_understood(string stored, string name) => Assert.Equal(name, BertModel.Rename(stored));

    [Theory]
    [InlineData("model.language_model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight")]
    [InlineData("language_model.model.norm.weight", "model.norm.weight")]
    [InlineData("language_model.lm_head.weight", "lm_head.weight")]
    [InlineData("layers.3.self_attn.q_proj.bias", "model.layers.3.self_attn.q_proj.bias")]
    [InlineData("model.norm.weight", "model.norm.weight")]
    [InlineData("visual.patch_embed.proj.weight", "visual.patch_embed.proj.weight")]
    public void All_namings_of_qwen2_are_understood(string stored, string name) => Assert.Equal(name, Qwen2Model.Rename(stored));

    [Fact]
    public void Preprocessor_settings_that_are_not_supported_are_named()
    {
        using var folder = Copy("vit", _ => { });
        File.WriteAllText(folder.File("preprocessor_config.json"), """{"do_rescale": true, "rescale_factor": 0.5, "size": {"height": 8, "width": 8}, "image_mean": [0,0,0], "image_std": [1,1,1]}""");
        var error = Assert.Throws<SightlineException>(() => PicturePreprocessor.Load(folder.Path));
        Assert.Contains("rescale_factor", error.Message, StringComparison.Ordinal);
        File.Delete(folder.File("preprocessor_config.json"));
        Assert.Contains("preprocessor_config.json", Assert.Throws<SightlineException>(() => PicturePreprocessor.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static IDisposable Load(string architecture, string path) => architecture switch
    {
        "vit" => VitModel.Load(path),
        "clip" => ClipModel.Load(path),
        "siglip" => SiglipModel.Load(path),
        "dinov2" => Dinov2Model.Load(path),
        "bert" => BertModel.Load(path),
        _ => Qwen2Model.Load(path),
    };

    private static TemporaryFolder Copy(string model, Action<JsonObject> change)
    {
        var folder = new TemporaryFolder();
        File.Copy(Fixtures.Path("models", model, "model.safetensors"), folder.File("model.safetensors"));
        var config = JsonNode.Parse(File.ReadAllText(Fixtures.Path("models", model, "config.json")))!.AsObject();
        change(config);
        File.WriteAllText(folder.File("config.json"), config.ToJsonString());
        return folder;
    }
}
