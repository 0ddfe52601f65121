using Sightline.Tensors;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Testing;
using Sightline.Training.Grounding;
using Sightline.Training.Runs;

namespace Sightline.Training.Tests.Grounding;

/// <summary>Stages with bfloat16 weights and activations and float32 masters.</summary>
[Collection(Alone.Name)]
public sealed class MixedPrecisionTests : TensorTest
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void The_gradient_points_the_same_way_in_less_memory(int index)
    {
        var before = NativePool.Shared.LiveBytes;
        var (full, fullBytes) = Gradient(index, "mixed_precision=false");
        var (mixed, mixedBytes) = Gradient(index, "mixed_precision=true");
        RequireAlike(full, mixed, 0.9999999);
        // activations take half; the head, the losses and the gradients of the weights stay float32, and of contrastive pre-training, which
        // makes no boxes, they are the larger part
        Assert.True(mixedBytes < (index == 0 ? 0.9 : 0.85) * fullBytes, $"{mixedBytes} bytes against {fullBytes}");
        Assert.Equal(before, NativePool.Shared.LiveBytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Products_of_rounded_operands_keep_the_direction(int index)
    {
        var (full, _) = Gradient(index, "mixed_precision=false");
        RequireAlike(full, Gradient(index, "bfloat16_products=true").Gradient, 1);
    }

    [Fact]
    public void Masters_stay_float32_and_take_steps_too_small_for_sixteen_bits()
    {
        using var place = new RunPlace();
        using var folder = place.Folder();
        using var trainer = new GroundingTrainer(TinyRun.Recipe("stages[1].mixed_precision=true", "stages[0].steps=1", "stages[1].steps=3", "stages[1].learning_rate=1e-5", "stages[1].average_decay=0"), folder);
        trainer.Run(new Watcher(), CancellationToken.None);
        Assert.All(trainer.Model.Parameters.All, parameter => Assert.Equal(DType.Float32, parameter.Value.DType));
        // around 1 the spacing of bfloat16 is 2^-8
        Assert.Contains(trainer.Model.Parameters["image_encoder.patch_norm.weight"].Value.ToArray<float>(), value => value != 1 && Math.Abs(value - 1) < 1 / 300f);
    }

    /// <summary>8 bits of mantissa a value; errors of many values average out.</summary>
    private static void RequireAlike(Dictionary<string, float[]> full, Dictionary<string, float[]> rounded, double most)
    {
        double dot = 0, a = 0, b = 0;
        foreach (var (path, x) in full)
        {
            var y = rounded[path];
            for (var i = 0; i < x.Length; i++) (dot, a, b) = (dot + ((double)x[i] * y[i]), a + ((double)x[i] * x[i]), b + ((double)y[i] * y[i]));
        }

        Assert.InRange(dot / Math.Sqrt(a * b), 0.99, most + 1e-12);
        Assert.InRange(Math.Sqrt(b / a), 0.95, 1.05);
    }

    private static (Dictionary<string, float[]> Gradient, long Bytes) Gradient(int index, string precision)
    {
        var recipe = TinyRun.Recipe($"stages[{index}].{precision}", "model.dropout=0", $"stages[{index}].accumulate=1", $"stages[{index}].batch=4");
        using var trainer = new GroundingTrainer(recipe, new RunFolder("never-made"));
        var stage = recipe.Stages[index];
        IReadOnlyList<TrainingSample> samples;
        using (var loader = new StageLoader(new SampleMixture([(trainer.Train[0], 1)]), stage, recipe.Seed, index, 0)) samples = loader.Next(stage.Batch);
        var live = NativePool.Shared.LiveBytes; // the loader, whose threads use memory too, has ended
        NativePool.Shared.ResetPeak();
        ThreadTeam.RunAlone(() => new TrainingStepRunner(trainer.Model, trainer.Processor, trainer.Model.Config, stage, recipe.Seed, index).Rehearse(samples)); // workspaces of several threads overlap as chance will have it
        var peak = NativePool.Shared.PeakBytes - live;
        return (trainer.Model.Parameters.All.Where(parameter => parameter.Value.Grad is not null).ToDictionary(parameter => parameter.Path, parameter => parameter.Value.Grad!.ToArray<float>()), peak);
    }
}
