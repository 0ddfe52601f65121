using Sightline.Tensors;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Training.Distributed;
using Sightline.Training.Recipes;

namespace Sightline.Training.Grounding;

/// <summary>What a run will need, measured before it starts on its own first samples.</summary>
/// <param name="ParameterBytes">Weights, gradients, moments and averages.</param>
/// <param name="PictureBytes">Decoded pictures that are kept, at most (<see cref="TrainingRecipe.PictureMemory"/>).</param>
/// <param name="AvailableBytes">Memory that this process may use.</param>
/// <param name="Stages">One entry a stage.</param>
public sealed record TrainingPlan(long ParameterBytes, long PictureBytes, long AvailableBytes, IReadOnlyList<StagePlan> Stages)
{
    /// <summary>Share of the available memory that a plan may fill: samples wait in memory, too, and pictures differ.</summary>
    public const double UsableShare = 0.7;

    /// <summary>More pictures a batch than this are not chosen for a recipe that leaves it open: they no longer make training faster.</summary>
    public const int LargestAutomaticBatch = 64;

    /// <summary>The recipe with the batches of this plan.</summary>
    public TrainingRecipe Apply(TrainingRecipe recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        return recipe with { Stages = [.. recipe.Stages.Zip(Stages, (stage, plan) => stage with { Batch = plan.Batch })] };
    }

    /// <summary>The largest need of any stage.</summary>
    public long PeakBytes => Stages.Max(stage => stage.PeakBytes);

    /// <summary>False where the run would need more memory than there is.</summary>
    public bool Fits => PeakBytes <= AvailableBytes;

    /// <summary>Time of all stages at the measured speed, without validation.</summary>
    public TimeSpan Duration => TimeSpan.FromSeconds(Stages.Sum(stage => stage.Duration.TotalSeconds));
}

/// <summary>The needs of one stage.</summary>
/// <param name="Kind">What it minimises.</param>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="Batch">Pictures a micro-batch: the recipe's, or the largest that fits where the recipe says 0.</param>
/// <param name="BytesPerPicture">Memory that grows with the batch.</param>
/// <param name="PeakBytes">Everything at this batch.</param>
/// <param name="SecondsPerPicture">Forward and backward.</param>
/// <param name="Duration">Of the stage.</param>
public sealed record StagePlan(StageKind Kind, int Steps, int Batch, long BytesPerPicture, long PeakBytes, double SecondsPerPicture, TimeSpan Duration)
{
    /// <summary>True where the recipe left the batch open (0) and it was chosen: the largest that fits, up to <see cref="TrainingPlan.LargestAutomaticBatch"/>.</summary>
    public bool IsBatchChosen { get; init; }
}

/// <summary>Measures a <see cref="TrainingPlan"/> with one and two pictures a batch; memory is linear in between and beyond.</summary>
internal static class TrainingPlanner
{
    /// <param name="recipe">The recipe.</param>
    /// <param name="parameters">Trainable numbers of the model.</param>
    /// <param name="measure">Runs forward and backward of a stage at a batch size, on its first samples or on the largest of some, and returns the seconds; nothing is updated.</param>
    /// <param name="pictures">Bytes that decoded pictures take.</param>
    /// <param name="available">Memory that may be used; null: what the runtime says.</param>
    /// <param name="ranks">The processes that divide a step, of which this one is measured; null: this one alone.</param>
    public static TrainingPlan Make(TrainingRecipe recipe, long parameters, Func<int, int, bool, double> measure, long pictures, long? available = null, Communicator? ranks = null)
    {
        ranks ??= Communicator.Alone;
        var memory = available ?? ranks.AvailableMemory;
        var stages = new List<StagePlan>();
        var parameterBytes = parameters * 4 * 5;
        var fixedBytes = parameterBytes + pictures;
        for (var i = 0; i < recipe.Stages.Count; i++)
        {
            var stage = recipe.Stages[i];
            // memory by samples with many phrases, since a batch may hold nothing else; time by samples as they come
            var (one, two) = (0L, 0L);
            ThreadTeam.RunAlone(() => (one, two) = (Peak(() => measure(i, 1, true)), Peak(() => measure(i, 2, true))));
            var workspaces = Math.Max(Peak(() => measure(i, 1, true)) - one, 0); // of the other threads, as chance has them overlap; they do not grow with the batch
            var seconds = measure(i, 2, false);
            var perPicture = Math.Max(two - one, 1);
            // what does not grow with the batch; the gradients in it stand in parameterBytes already
            var once = Math.Max(one - perPicture - (parameters * 4), 0) + workspaces;
            var room = (long)(memory * TrainingPlan.UsableShare) - fixedBytes - once;
            int Together(int size) => Math.Min(size, ranks.LargestShareOf(size * stage.Accumulate)); // in one pass of one process
            var most = Math.Max(room / perPicture, 1);
            var batch = stage.Batch > 0 ? stage.Batch : Enumerable.Range(1, TrainingPlan.LargestAutomaticBatch).Last(size => Together(size) <= most);
            var peak = fixedBytes + once + (Together(batch) * perPicture);
            stages.Add(new StagePlan(stage.Kind, stage.Steps, batch, perPicture, peak, seconds / 2, TimeSpan.FromSeconds(seconds / 2 * batch * stage.Accumulate * stage.Steps)) { IsBatchChosen = stage.Batch == 0 });
        }

        return new TrainingPlan(parameterBytes, pictures, memory, stages);
    }

    private static long Peak(Func<double> run)
    {
        var before = Engine.Default.Memory.LiveBytes;
        run(); // the first run pays for compilation and fresh memory
        Engine.Default.Memory.ResetPeak();
        run();
        return Engine.Default.Memory.PeakBytes - before;
    }
}
