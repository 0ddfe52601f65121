using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.LibTorch;
using Sightline.Testing;
using Sightline.Training.Reinforcement;
using Sightline.Training.Tests.Data;
using Sightline.Training.Tests.Grounding;

namespace Sightline.Training.Tests.Reinforcement;

/// <summary>
/// Vision-language models on libtorch: answers and tuning. eng/test-libtorch.sh runs these tests, and nothing else does, because they need that library.
/// </summary>
[Collection(Alone.Name)]
[Trait("Engine", "libtorch")]
public sealed class LibTorchTuningTests : TensorTest
{
    private readonly TuningPlace _place = new();

    public LibTorchTuningTests()
    {
        // a picture that needs no library of pictures: there is none where libtorch is
        using var folder = new DataFolder();
        folder.WriteBmp("a.bmp", 64, 48, (x, y) => ((byte)(x * 4), (byte)(y * 5), (byte)(x ^ y)));
        File.Copy(folder["a.bmp"], _place.At("a.png"), overwrite: true);
    }

    private static LibTorchEngine Torch => LibTorchEngine.Open(TorchDevice.Parse(Environment.GetEnvironmentVariable("SIGHTLINE_DEVICE") ?? "cpu"));

    protected override void Free() => _place.Dispose();

    /// <summary>Two prompts with pictures, read in parts and answered together; margins between the best two tokens are far above rounding (tests/fixtures/qwen/model_goldens/README.md).</summary>
    [Theory(Explicit = true)]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    public void Answers_are_those_of_the_processor(string model)
    {
        var (here, there) = (SecondEngineTests.On(CpuEngine.Instance, () => Answers(model)), SecondEngineTests.On(Torch, () => Answers(model)));
        for (var i = 0; i < here.Count; i++)
        {
            Assert.Equal(here[i].Ids, there[i].Ids);
            foreach (var (a, b) in here[i].LogProbabilities.Zip(there[i].LogProbabilities)) Assert.InRange(a - b, -2e-4f, 2e-4f);
        }
    }

    /// <summary>PyTorch's gradients of all weights, whether layers keep their activations or compute them again.</summary>
    [Theory(Explicit = true)]
    [InlineData("tiny-qwen2-vl", false)]
    [InlineData("tiny-qwen2-vl", true)]
    [InlineData("tiny-qwen2_5-vl", true)]
    public void Supervised_gradients_equal_the_reference(string model, bool recomputes) => SecondEngineTests.On(Torch, () =>
    {
        using var loaded = QwenVlModel.LoadForTraining(TinyQwen.Folder(model));
        loaded.Model.RecomputesLayers = recomputes;
        using var scope = TensorScope.Open();
        using var tape = Tape.Record();
        tape.Backward(TokenLikelihood.SupervisedLoss(loaded.Model, TokenBatch.OfAnswers(TinyQwen.Samples(loaded.Model, model, "single", trainsVision: true))));
        TinyQwen.CheckGradients(new FixtureTensors("qwen", "training", model, "sft", "single.grads.safetensors"), loaded.Parameters.All, path => path);
        return true;
    });

    [Theory(Explicit = true)]
    [InlineData("tiny-qwen2-vl", ", \"adapters\": { \"rank\": 4 }", "")]
    [InlineData("tiny-qwen2_5-vl", ", \"adapters\": { \"rank\": 4 }, \"weights\": \"int8\"", ", \"updates\": 2")]
    [InlineData("tiny-qwen2-vl", ", \"adapters\": { \"rank\": 4 }, \"weights\": \"bf16\"", ", \"recompute\": true")]
    [InlineData("tiny-qwen3-vl", "", ", \"recompute\": true")]
    public void A_step_of_reinforcement_has_the_figures_of_the_processor(string model, string adapters, string stage)
    {
        var recipe = _place.Recipe(model, stage, adapters);
        var here = SecondEngineTests.On(CpuEngine.Instance, () => _place.Run(recipe, "here").Steps);
        var there = SecondEngineTests.On(Torch, () => _place.Run(recipe, "there").Steps);
        Assert.Equal(here.Count, there.Count);
        foreach (var figure in new[] { "reward", "tokens", "loss", "gradient_norm", "entropy" })
            Assert.Equal(here[0][figure], there[0][figure], 1e-3f * Math.Max(1, Math.Abs(here[0][figure])));
        Assert.All(there, step => Assert.InRange(step["sampler_difference"], 0, 1e-4f));
    }

    /// <summary>States of 16 bits are rounded at other places by other kernels: figures agree to 8 bits of mantissa, and those of the sampler with the learner's in float32.</summary>
    [Theory(Explicit = true)]
    [InlineData("tiny-qwen2-vl", ", \"adapters\": { \"rank\": 4 }, \"weights\": \"bf16\"", ", \"recompute\": true")]
    [InlineData("tiny-qwen3-vl", "", "")]
    public void Mixed_precision_has_the_figures_of_the_processor(string model, string adapters, string stage)
    {
        var recipe = _place.Recipe(model, stage + ", \"mixed_precision\": true", adapters);
        var here = SecondEngineTests.On(CpuEngine.Instance, () => _place.Run(recipe, "here").Steps);
        var there = SecondEngineTests.On(Torch, () => _place.Run(recipe, "there").Steps);
        Assert.Equal(here[0]["reward"], there[0]["reward"], 1e-5f);
        Assert.Equal(0, there[0]["kl"], 1e-6f);
        Assert.InRange(there[0]["gradient_norm"] / here[0]["gradient_norm"], 0.95, 1.05);
        Assert.InRange(there[0]["sampler_difference"] / here[0]["sampler_difference"], 0.2, 5);
    }

    private static IReadOnlyList<GenerationResult> Answers(string model)
    {
        using var loaded = QwenVlModel.LoadForTraining(TinyQwen.Folder(model));
        using var engine = new GenerationEngine(loaded.Model, new GenerationOptions { CacheTokens = 2048, PromptTokensPerStep = 37 });
        string[] pictures = ["a", "c"];
        using var scope = TensorScope.Open();
        return engine.Run([.. TinyQwen.Samples(loaded.Model, "tiny-qwen2-vl", "batch2_rightpad", trainsVision: false).Select((sample, row) => new GenerationRequest
        {
            Prompt = sample.Ids[..sample.Answers[0].Start],
            Pictures = [TinyQwen.Picture(pictures[row])],
            MaxTokens = 16,
        })]);
    }
}
