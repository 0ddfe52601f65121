using Sightline.Tensors.Memory;
using Sightline.Testing;
using Sightline.Training.Grounding;
using Sightline.Training.Runs;

namespace Sightline.Training.Tests.Grounding;

/// <summary>Micro-batches of one picture add up to the batch they are cut from. Without dropout: its draws depend on the order of the work.</summary>
[Collection(Alone.Name)]
public sealed class AccumulationTests : TensorTest
{
    [Theory]
    [InlineData("Boxes", 1)]
    [InlineData("Boxes", 2)]
    [InlineData("Contrastive", 1)]
    [InlineData("Contrastive", 4)]
    public void Eight_pictures_give_one_gradient_however_they_are_cut(string kind, int batch)
    {
        var before = NativePool.Shared.LiveBytes;
        var whole = Gradients(kind, batch: 8, accumulate: 1);
        var cut = Gradients(kind, batch, accumulate: 8 / batch);
        Assert.Equal(whole.Keys, cut.Keys);
        foreach (var (path, expected) in whole)
        {
            // rounding of float32 sums in another order, against the size of the whole gradient: key biases have a gradient of zero plus rounding
            var actual = cut[path];
            var scale = Math.Max(Norm(expected), 1e-2);
            for (var i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-4 * scale, $"{path}[{i}]: {expected[i]} as one batch, {actual[i]} in pieces of {batch}");
        }

        Assert.Equal(before, NativePool.Shared.LiveBytes);
    }

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));

    private static Dictionary<string, float[]> Gradients(string kind, int batch, int accumulate)
    {
        var recipe = TinyRun.Recipe($"stages[1].kind={kind}", $"stages[1].batch={batch}", $"stages[1].accumulate={accumulate}", "model.dropout=0", "train[0].scenes.phrases=5");
        using var trainer = new GroundingTrainer(recipe, new RunFolder("never-made"));
        var stage = recipe.Stages[1];
        using var loader = new StageLoader(new SampleMixture([(trainer.Train[0], 1)]), stage, recipe.Seed, 1, 0);
        new TrainingStepRunner(trainer.Model, trainer.Processor, trainer.Model.Config, stage, recipe.Seed, 1).AddGradients(loader, step: 0);
        return trainer.Model.Parameters.All.Where(parameter => parameter.Value.Grad is not null).ToDictionary(
            parameter => parameter.Path, parameter => parameter.Value.Grad!.ToArray<float>().Select(value => value / accumulate).ToArray());
    }
}
