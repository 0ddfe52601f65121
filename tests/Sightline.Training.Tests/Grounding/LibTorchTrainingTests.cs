using Sightline.Tensors;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.LibTorch;
using Sightline.Testing;
using Sightline.Training.Grounding;

namespace Sightline.Training.Tests.Grounding;

/// <summary>
/// Training on libtorch: eng/test-libtorch.sh runs these tests, and nothing else does, because they need that library. SIGHTLINE_DEVICE names the device.
/// </summary>
[Collection(Alone.Name)]
[Trait("Engine", "libtorch")]
public sealed class LibTorchTrainingTests : TensorTest
{
    private static LibTorchEngine Torch => LibTorchEngine.Open(TorchDevice.Parse(Environment.GetEnvironmentVariable("SIGHTLINE_DEVICE") ?? "cpu"));

    [Theory(Explicit = true)]
    [InlineData("Boxes", 0.1)]
    [InlineData("Contrastive", 0.0)]
    public void A_training_step_has_the_gradients_of_the_processor(string kind, double dropout) =>
        SecondEngineTests.RequireNear(SecondEngineTests.Gradients(CpuEngine.Instance, kind, dropout), SecondEngineTests.Gradients(Torch, kind, dropout));

    [Theory(Explicit = true)]
    [InlineData("Boxes")]
    [InlineData("Contrastive")]
    public void A_gradient_in_bfloat16_points_the_same_way(string kind)
    {
        var (full, mixed) = (SecondEngineTests.Gradients(Torch, kind, 0), SecondEngineTests.Gradients(Torch, kind, 0, mixed: true));
        double dot = 0, a = 0, b = 0;
        foreach (var (path, x) in full)
        {
            for (var i = 0; i < x.Length; i++) (dot, a, b) = (dot + ((double)x[i] * mixed[path][i]), a + ((double)x[i] * x[i]), b + ((double)mixed[path][i] * mixed[path][i]));
        }

        // as on the processor (MixedPrecisionTests): 8 bits of mantissa a value, errors of many values average out
        Assert.InRange(dot / Math.Sqrt(a * b), 0.99, 0.9999999);
        Assert.InRange(Math.Sqrt(b / a), 0.95, 1.05);
    }

    [Theory(Explicit = true)]
    [InlineData(false)]
    [InlineData(true)]
    public void Both_stages_train_with_float32_masters(bool mixed)
    {
        var precision = mixed ? "true" : "false";
        using var place = new RunPlace();
        var first = float.NaN;
        var last = SecondEngineTests.On(Torch, () =>
        {
            using var folder = place.Folder();
            using var trainer = new GroundingTrainer(TinyRun.Recipe($"stages[0].mixed_precision={precision}", $"stages[1].mixed_precision={precision}"), folder);
            var watcher = new Watcher();
            Assert.True(trainer.Run(watcher, CancellationToken.None).Completed);
            Assert.All(trainer.Model.Parameters.All, parameter => Assert.Equal(DType.Float32, parameter.Value.DType));
            Assert.All(trainer.Model.Parameters.All, parameter => Assert.Same(Torch, parameter.Value.Engine));
            var losses = watcher.Steps.Where(step => step.Stage == 1).Select(step => step.Metrics["loss"]).ToList();
            first = losses[..4].Average();
            return losses[^4..].Average();
        });
        Assert.True(last < first, $"the loss went from {first} to {last}");
    }
}
