using System.Text.Json;
using Sightline.Models.QwenVl;

namespace Sightline.Tests.Models.QwenVl;

/// <summary>config.json as the published models have it, with keys that repeat defaults left out.</summary>
public class QwenVlConfigTests
{
    [Fact]
    public void Qwen2_VL_2B_is_read_from_the_flat_form()
    {
        var config = Read("""
            {
              "model_type": "qwen2_vl", "hidden_act": "silu", "hidden_size": 1536, "intermediate_size": 8960, "max_position_embeddings": 32768, "max_window_layers": 28,
              "num_attention_heads": 12, "num_hidden_layers": 28, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768,
              "tie_word_embeddings": true, "use_sliding_window": false, "image_token_id": 151655, "video_token_id": 151656,
              "vision_config": {"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16, "in_chans": 3, "hidden_size": 1536, "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14, "temporal_patch_size": 2},
              "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "vocab_size": 151936
            }
            """);
        Assert.Equal((QwenVlKind.Qwen2, 128, true, 1e6), (config.Kind, config.Text.HeadSize, config.Text.TieWordEmbeddings, config.Text.Theta));
        Assert.Equal((1280, 5120, 1536, 1176, "quick_gelu"), (config.Vision.Channels, config.Vision.IntermediateSize, config.Vision.OutHiddenSize, config.Vision.PatchLength, config.Vision.HiddenAct));
        Assert.False(config.Text.HasHeadNorms || config.Text.HasInterleavedMrope || config.Text.AttentionBias);
        Assert.True(config.Text.HasInputBias);
    }

    [Fact]
    public void Qwen2_5_VL_3B_is_read_from_the_flat_form()
    {
        var config = Read("""
            {
              "model_type": "qwen2_5_vl", "hidden_size": 2048, "intermediate_size": 11008, "max_position_embeddings": 128000, "num_attention_heads": 16, "num_hidden_layers": 36,
              "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": true, "use_sliding_window": false,
              "vision_config": {"depth": 32, "hidden_act": "silu", "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "in_chans": 3, "out_hidden_size": 2048, "patch_size": 14, "spatial_merge_size": 2,
                "spatial_patch_size": 14, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2, "temporal_patch_size": 2},
              "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "vocab_size": 151936
            }
            """);
        Assert.Equal((QwenVlKind.Qwen25, 128000, 151655), (config.Kind, config.Text.MaxPositionEmbeddings, config.ImageTokenId));
        Assert.Equal((1280, 3420, 2048, 112), (config.Vision.Channels, config.Vision.IntermediateSize, config.Vision.OutHiddenSize, config.Vision.WindowSize));
        Assert.Equal([7, 15, 23, 31], config.Vision.FullAttentionLayers);
    }

    [Fact]
    public void Qwen3_VL_2B_is_read_from_the_nested_form()
    {
        var config = Read("""
            {
              "model_type": "qwen3_vl", "image_token_id": 151655, "video_token_id": 151656, "tie_word_embeddings": true,
              "text_config": {"attention_bias": false, "head_dim": 128, "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 6144, "max_position_embeddings": 262144, "model_type": "qwen3_vl_text",
                "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
                "rope_scaling": {"mrope_interleaved": true, "mrope_section": [24, 20, 20], "rope_type": "default"}, "rope_theta": 5000000, "tie_word_embeddings": true, "vocab_size": 151936},
              "vision_config": {"deepstack_visual_indexes": [5, 11, 17], "depth": 24, "hidden_act": "gelu_pytorch_tanh", "hidden_size": 1024, "in_channels": 3, "intermediate_size": 4096, "model_type": "qwen3_vl",
                "num_heads": 16, "num_position_embeddings": 2304, "out_hidden_size": 2048, "patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2}
            }
            """);
        Assert.Equal((QwenVlKind.Qwen3, 128, true, 5e6), (config.Kind, config.Text.HeadSize, config.Text.TieWordEmbeddings, config.Text.Theta));
        Assert.True(config.Text is { HasHeadNorms: true, HasInterleavedMrope: true, HasInputBias: false, AttentionBias: false });
        Assert.Equal((48, 1536, 4), (config.Vision.PositionSide, config.Vision.PatchLength, config.Vision.MergeUnit));
        Assert.Equal([5, 11, 17], config.Vision.DeepstackLayers);
    }

    private static QwenVlConfig Read(string json)
    {
        using var document = JsonDocument.Parse(json);
        return QwenVlConfig.Read(document.RootElement, "the test");
    }
}
