using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Testing;
using Sightline.Verification;

namespace Sightline.Tests.Models.QwenVl;

/// <summary>Qwen-VL models against everything that the reference implementation stored for them.</summary>
[Collection(Alone.Name)]
public sealed class QwenVlModelTests : TensorTest
{
    public static TheoryData<string, string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (var (model, goldens) in new[]
            {
                ("tiny-qwen2-vl", "model_goldens/tiny-qwen2-vl"), ("tiny-qwen2_5-vl", "model_goldens/tiny-qwen2_5-vl"),
                ("tiny-qwen2_5-vl-bf16-sharded", "model_goldens/tiny-qwen2_5-vl-bf16-sharded"), ("tiny-qwen2_5-vl-bf16-nested-names", "model_goldens/tiny-qwen2_5-vl-bf16-sharded"),
                ("tiny-qwen3-vl", "qwen3_goldens/tiny-qwen3-vl"), ("tiny-qwen3-vl-bf16", "qwen3_goldens/tiny-qwen3-vl-bf16"),
            })
            {
                foreach (var name in ReferenceFolder.Open(Fixtures.Path("qwen", goldens)).Cases) data.Add(model, goldens, name);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Model_equals_the_reference(string model, string goldens, string name)
    {
        using var loaded = QwenVlModel.Load(Fixtures.Path("models", model));
        var reference = ReferenceFolder.Open(Fixtures.Path("qwen", goldens));
        var folder = Fixtures.Path("models", model);
        var report = ModelVerifier.Run(loaded.Model, reference, new VerificationOptions { Cases = [name], EndTokens = GenerationDefaults.Load(folder).StopTokens, Processor = QwenVlProcessor.Load(folder) });
        Assert.True(report.Passed, report.FirstOff?.ToString());
        string[] inputs = ["attention_mask", "image_grid_thw", "completion.ids"];
        var stored = new FixtureTensors("qwen", goldens, $"{name}.safetensors").Names.Except(inputs);
        string[] outside = name == "text_only" || name == "batch_text_leftpad" ? ["prompt_text"] : ["pixel_values", "prompt_text"];
        Assert.Equal(stored.Concat(outside).Order(), report.Differences.Select(difference => difference.Tensor).Distinct().Order());
    }
}
