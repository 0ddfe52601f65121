using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Testing;
using Sightline.Training.Grounding;
using Sightline.Training.Optim;
using Sightline.Training.Runs;

namespace Sightline.Training.Tests.Grounding;

/// <summary>After warm-up a training step takes no new native memory, and little managed memory.</summary>
[Collection(Alone.Name)]
public sealed class SteadyStateTests : TensorTest
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_step_takes_nothing_new(int index)
    {
        var before = NativePool.Shared.LiveBytes;
        var threads = ThreadTeam.Shared.Threads;
        ThreadTeam.SetThreads(1); // a helper that first joins late brings scratch memory of its own
        try
        {
            Measure(index);
        }
        finally
        {
            ThreadTeam.SetThreads(threads);
        }

        Assert.Equal(before, NativePool.Shared.LiveBytes);
    }

    private static void Measure(int index)
    {
        var recipe = TinyRun.Recipe();
        using var trainer = new GroundingTrainer(recipe, new RunFolder("never-made"));
        using var state = new StageState(recipe.Stages[index], index, trainer.Model.Parameters.All);
        // the same samples each time: other phrases would need other sizes
        var samples = Enumerable.Range(0, 2).Select(i => trainer.Train[0].Get(i)).ToArray();
        var runner = new TrainingStepRunner(trainer.Model, trainer.Processor, trainer.Model.Config, recipe.Stages[index], recipe.Seed, index);
        for (var i = 0; i < 30; i++) Step();
        var (reserved, live) = (NativePool.Shared.ReservedBytes, NativePool.Shared.LiveBytes);
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        const int Steps = 20;
        for (var i = 0; i < Steps; i++) Step();
        allocated = (GC.GetAllocatedBytesForCurrentThread() - allocated) / Steps;
        Assert.Equal(reserved, NativePool.Shared.ReservedBytes);
        Assert.Equal(live, NativePool.Shared.LiveBytes);
        TestContext.Current.TestOutputHelper?.WriteLine($"stage {index + 1}: {allocated} managed bytes a step");
        Assert.True(allocated < 300_000, $"{allocated} bytes a step");

        void Step()
        {
            runner.Rehearse(samples);
            GradientClipping.Norm(trainer.Model.Parameters.All);
            state.Optimizer.Step(1e-4, 1);
            trainer.Model.Parameters.ClearGradients();
            state.Average?.Update(0.9);
        }
    }
}
