using Sightline.Tensors;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Tests.Reference;
using Sightline.Testing;
using Sightline.Training.Grounding;
using Sightline.Training.Runs;

namespace Sightline.Training.Tests.Grounding;

/// <summary>
/// One model definition and one trainer on every engine: a training step of both stages on the scalar reference engine, whose memory only its
/// own kernels reach, gives the gradients of the processor's.
/// </summary>
[Collection(Alone.Name)]
public sealed class SecondEngineTests : TensorTest
{
    [Theory]
    [InlineData("Boxes", 0.1)]
    [InlineData("Contrastive", 0.0)]
    public void A_training_step_has_the_gradients_of_the_processor(string kind, double dropout)
    {
        RequireNear(Gradients(CpuEngine.Instance, kind, dropout), Gradients(ReferenceEngine.Instance, kind, dropout));
    }

    internal static void RequireNear(Dictionary<string, float[]> expected, Dictionary<string, float[]> actual)
    {
        Assert.Equal(expected.Keys, actual.Keys);
        foreach (var (path, values) in expected)
        {
            // float32 sums against float64 ones, through all layers and back, against the size of the whole gradient
            var scale = Math.Max(Math.Sqrt(values.Sum(value => (double)value * value)), 1e-2);
            for (var i = 0; i < values.Length; i++) Assert.True(Math.Abs(values[i] - actual[path][i]) <= 1e-3 * scale, $"{path}[{i}]: {values[i]} on the processor, {actual[path][i]} on the other engine");
        }
    }

    internal static Dictionary<string, float[]> Gradients(Engine engine, string kind, double dropout, bool mixed = false) =>
        On(engine, () => Step(kind, FormattableString.Invariant($"model.dropout={dropout}"), $"stages[1].mixed_precision={(mixed ? "true" : "false")}"));

    /// <summary>Work whose tensors are an engine's, and which leaves none behind.</summary>
    internal static T On<T>(Engine engine, Func<T> work)
    {
        var (before, previous) = (engine.LiveBytes, Engine.Default);
        Engine.Default = engine;
        try
        {
            return work();
        }
        finally
        {
            Engine.Default = previous;
            Assert.Equal(before, engine.LiveBytes);
        }
    }

    private static Dictionary<string, float[]> Step(string kind, params string[] settings)
    {
        var recipe = TinyRun.Recipe([$"stages[1].kind={kind}", "stages[1].batch=2", "stages[1].accumulate=1", "train[0].scenes.phrases=3", .. settings]);
        using var trainer = new GroundingTrainer(recipe, new RunFolder("never-made"));
        var stage = recipe.Stages[1];
        using var loader = new StageLoader(new SampleMixture([(trainer.Train[0], 1)]), stage, recipe.Seed, 1, 0);
        new TrainingStepRunner(trainer.Model, trainer.Processor, trainer.Model.Config, stage, recipe.Seed, 1).AddGradients(loader, step: 0);
        return trainer.Model.Parameters.All.Where(parameter => parameter.Value.Grad is not null).ToDictionary(parameter => parameter.Path, parameter => parameter.Value.Grad!.ToArray<float>());
    }
}
