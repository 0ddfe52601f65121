using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Reinforcement;

/// <summary>What a tuning run will need, measured before it starts on its own first problem, with the longest answers that the recipe allows.</summary>
/// <param name="WeightBytes">All weights, mapped files and adapters included.</param>
/// <param name="TrainedBytes">Gradients, moments, averages and reference of what is trained.</param>
/// <param name="AvailableBytes">Memory that this process may use.</param>
/// <param name="Stages">One entry a stage.</param>
public sealed record TuningPlan(long WeightBytes, long TrainedBytes, long AvailableBytes, IReadOnlyList<TuningStagePlan> Stages)
{
    /// <summary>Time of all stages if every answer is as long as it may be, without validation.</summary>
    public TimeSpan Duration => TimeSpan.FromSeconds(Stages.Sum(stage => stage.SecondsPerStep * stage.Steps));

    /// <summary>The largest need of any stage.</summary>
    public long PeakBytes => Stages.Max(stage => stage.PeakBytes);

    /// <summary>False where the run would need more memory than there is.</summary>
    public bool Fits => PeakBytes <= AvailableBytes;

    /// <summary>The recipe with the batches of this plan.</summary>
    public LanguageRecipe Apply(LanguageRecipe recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        return recipe with { Stages = [.. recipe.Stages.Zip(Stages, (stage, plan) => stage with { Batch = plan.Batch })] };
    }
}

/// <summary>The needs of one stage.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Steps">Its steps.</param>
/// <param name="Batch">Answers in one pass.</param>
/// <param name="IsBatchChosen">Whether the recipe left that open.</param>
/// <param name="BytesPerAnswer">Memory of a pass that grows with its answers.</param>
/// <param name="CacheBytes">Keys and values while answers are sampled.</param>
/// <param name="PeakBytes">Everything together.</param>
/// <param name="SecondsSampling">Answers of a step.</param>
/// <param name="SecondsLearning">Reference, forward, backward and updates of a step.</param>
public sealed record TuningStagePlan(
    LanguageStageKind Kind, int Steps, int Batch, bool IsBatchChosen, long BytesPerAnswer, long CacheBytes, long PeakBytes, double SecondsSampling, double SecondsLearning)
{
    /// <summary>Of a step.</summary>
    public double SecondsPerStep => SecondsSampling + SecondsLearning;
}

/// <summary>Measures a <see cref="TuningPlan"/>: a few sampled tokens, and passes over one and two made-up answers; what grows, grows in a straight line.</summary>
internal static class TuningPlanner
{
    private const int FewTokens = 2;
    private const int MoreTokens = 10;

    public static TuningPlan Make(RunParts parts, long? available)
    {
        var memory = available ?? parts.Ranks.AvailableMemory;
        var stages = new List<TuningStagePlan>();
        var most = 0L;
        for (var i = 0; i < parts.Recipe.Stages.Count; i++)
        {
            var stage = Stage(parts, i, memory, out var trained);
            stages.Add(stage);
            most = Math.Max(most, trained);
        }

        StageState.Freeze(parts.Recipe.Stages[0], 0, parts.Model.Parameters, parts.Model.Paths);
        return new TuningPlan(parts.Model.Bytes, most, memory, stages);
    }

    private static TuningStagePlan Stage(RunParts parts, int index, long memory, out long trained)
    {
        var recipe = parts.Recipe.Stages[index];
        var model = parts.Model;
        StageState.Freeze(recipe, index, model.Parameters, model.Paths);
        var isReinforced = recipe.Kind == LanguageStageKind.Reinforcement;
        var numbers = model.Parameters.Where(parameter => parameter.Value.RequiresGrad).Sum(parameter => parameter.Value.Count);
        trained = numbers * 4 * (3 + (recipe.AverageDecay > 0 ? 1 : 0) + (isReinforced && recipe.Beta > 0 ? 1 : 0));
        var (source, problem) = parts.ProblemsOf(recipe).Get(0);
        var answer = isReinforced ? recipe.MaximumCompletion : parts.Reading.Answer(problem.Answer ?? "").Length;
        var prepared = parts.Reading.Prepare(source, problem, answer);
        var (cache, sampling) = isReinforced ? Sample(parts, recipe, prepared) : (0L, 0.0);
        cache = cache / recipe.Prompts * parts.Ranks.LargestShareOf(recipe.Prompts);
        var (one, first) = Pass(parts, recipe, prepared, answer, 1);
        var (two, second) = Pass(parts, recipe, prepared, answer, 2);
        var perAnswer = Math.Max(two - one, 1);
        var once = Math.Max(one - perAnswer - (numbers * 4), 0); // the gradients stand in trained already
        var group = isReinforced ? recipe.Group : 1;
        var answers = recipe.Prompts * group;
        var room = (long)(memory * TrainingPlan.UsableShare) - model.Bytes - trained - cache - once;
        var batch = recipe.Batch > 0 ? recipe.Batch : (int)Math.Clamp(room / perAnswer, 1, answers);
        var passes = isReinforced ? recipe.Updates + (recipe.Beta > 0 ? 1.0 / 3 : 0) : 1; // a reference is a forward pass alone
        var growth = Math.Max(second - first, 0);
        var learning = passes * ((Math.Max(first - growth, 0) * Math.Max(recipe.Prompts, (double)answers / batch)) + (growth * answers));
        model.Parameters.ToList().ForEach(parameter => parameter.Value.ClearGrad());
        return new TuningStagePlan(recipe.Kind, recipe.Steps, batch, recipe.Batch == 0, perAnswer, cache, model.Bytes + trained + cache + once + (Math.Min(batch, parts.Ranks.LargestShareOf(recipe.Prompts) * group) * perAnswer), sampling, learning);
    }

    /// <summary>Bytes of the cache, and the seconds of a step's answers if all are as long as they may be.</summary>
    private static (long Cache, double Seconds) Sample(RunParts parts, LanguageStageRecipe recipe, PreparedProblem problem)
    {
        var sizes = parts.Model.Network.Sizes;
        var tokens = (long)recipe.Prompts * (problem.Ids.Length + (recipe.Group * (long)recipe.MaximumCompletion));
        var cache = tokens * sizes.Layers * sizes.KeyHeads * sizes.HeadSize * 2 * sizeof(float);
        using var sampler = new RolloutSampler(parts.Model);
        Seconds(1); // compilation
        var few = Seconds(FewTokens);
        var more = Seconds(MoreTokens);
        var perToken = Math.Max(more - few, 0) / (MoreTokens - FewTokens);
        return (cache, recipe.Prompts * (Math.Max(few - (FewTokens * perToken), 0) + (perToken * recipe.MaximumCompletion)));

        double Seconds(int most)
        {
            sampler.Forget();
            var from = parts.Clock.GetTimestamp();
            sampler.Sample([problem], recipe.Group, Math.Min(most, recipe.MaximumCompletion), new SamplingOptions { Temperature = 1 }, (_, a) => (ulong)a, CancellationToken.None);
            return parts.Clock.GetElapsedTime(from).TotalSeconds;
        }
    }

    /// <summary>Memory above what is there already, and seconds, of a forward and backward pass over made-up answers.</summary>
    private static (long Bytes, double Seconds) Pass(RunParts parts, LanguageStageRecipe recipe, PreparedProblem problem, int length, int answers)
    {
        var ids = Enumerable.Range(0, length).Select(t => problem.Ids[^(1 + (t % Math.Min(4, problem.Ids.Length)))]).ToArray(); // the prompt's end is text
        var group = new RolloutGroup(problem, [.. Enumerable.Range(0, answers).Select(a => new Rollout(ids, new float[length], "", false) { Advantage = 1 - (2 * (a % 2)) })]);
        var memory = Engine.Default.Memory;
        var seconds = 0.0;
        var before = memory.LiveBytes;
        for (var run = 0; run < 2; run++)
        {
            memory.ResetPeak();
            var from = parts.Clock.GetTimestamp();
            using (var learner = new PolicyLearner(parts.Model, [group], new PolicyLossOptions { Beta = 0, LongestCompletion = length }, recipe with { Batch = answers, MaskTruncated = false })) learner.AddGradients(isStale: false);
            seconds = parts.Clock.GetElapsedTime(from).TotalSeconds;
        }

        var peak = memory.PeakBytes - before;
        foreach (var parameter in parts.Model.Parameters) parameter.Value.ClearGrad();
        return (peak, seconds);
    }
}
