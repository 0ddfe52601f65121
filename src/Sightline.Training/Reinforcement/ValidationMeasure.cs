using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Training.Data;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Reinforcement;

/// <summary>Means over a validation source: each reward of the most likely answers, and the loss of given ones.</summary>
internal sealed record ProblemScore(string Source, IReadOnlyDictionary<string, double> Values) : IMeasurement
{
    /// <inheritdoc/>
    public string Summary => string.Join(", ", Values.Select(value => FormattableString.Invariant($"{value.Key} {value.Value:0.000}")));
}

/// <summary>Measures the model on the validation sources: greedy answers judged by the stage's rewards, and the loss where the problems have answers.</summary>
internal sealed class ValidationMeasure(RunParts parts, LanguageStageRecipe recipe, AnswerScorer scorer, RolloutSampler sampler)
{
    private const int Together = 8;

    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<IMeasurement> Run(CancellationToken cancellation) => [.. parts.Validation.Select(source => Run(source, cancellation))];

    private ProblemScore Run(IProblemSource source, CancellationToken cancellation)
    {
        var sums = new Dictionary<string, (double Sum, double Count)>();
        for (var at = 0; at < source.Count; at += Together)
        {
            cancellation.ThrowIfCancellationRequested();
            PreparedProblem[] problems = [.. Enumerable.Range(at, Math.Min(Together, source.Count - at)).Select(i => parts.Reading.Prepare(source.Name, source.Get(i), recipe.MaximumCompletion))];
            if (recipe.Rewards.Count > 0)
            {
                foreach (var group in sampler.Sample(problems, 1, recipe.MaximumCompletion, SamplingOptions.Greedy, (_, _) => 0, cancellation)) Add(sums, group);
            }

            foreach (var problem in problems.Where(problem => problem.Problem.Answer is not null)) AddLoss(sums, problem);
        }

        return new ProblemScore(source.Name, sums.ToDictionary(entry => entry.Key, entry => entry.Value.Sum / entry.Value.Count));
    }

    private void Add(Dictionary<string, (double Sum, double Count)> sums, RolloutGroup group)
    {
        scorer.Score(group);
        var answer = group.Answers[0];
        Add(sums, "reward", scorer.Names.Select((_, r) => double.IsFinite(answer.Scores[r]) ? recipe.Rewards[r].Weight * answer.Scores[r] : 0).Sum());
        for (var r = 0; r < scorer.Names.Count; r++)
        {
            if (double.IsFinite(answer.Scores[r])) Add(sums, scorer.Names[r], answer.Scores[r]);
        }

        Add(sums, "tokens", answer.Ids.Length);
    }

    private void AddLoss(Dictionary<string, (double Sum, double Count)> sums, PreparedProblem problem)
    {
        using var scope = TensorScope.Open();
        using var pictures = new PictureCache(parts.Model);
        var values = TokenLikelihood.Score(parts.Model.Network, TokenBatch.OfAnswers(SupervisedStage.Sample(parts, problem, pictures.Of(problem, isReference: true))));
        var (sum, count) = sums.GetValueOrDefault("loss");
        sums["loss"] = (sum - values.Sum(value => (double)value), count + values.Length);
    }

    private static void Add(Dictionary<string, (double Sum, double Count)> sums, string name, double value)
    {
        var (sum, count) = sums.GetValueOrDefault(name);
        sums[name] = (sum + value, count + 1);
    }
}
