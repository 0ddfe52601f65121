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
        var batches = parts.Ranks.Map((source.Count + Together - 1) / Together, batch => Judge(source, batch * Together, cancellation), Write, Read);
        foreach (var (name, value, count) in batches.SelectMany(batch => batch))
        {
            var (sum, counted) = sums.GetValueOrDefault(name);
            sums[name] = (sum + value, counted + count);
        }

        return new ProblemScore(source.Name, sums.ToDictionary(entry => entry.Key, entry => entry.Value.Sum / entry.Value.Count));
    }

    /// <summary>Figures of some problems in a row: names, sums, and what they are to be divided by.</summary>
    private List<(string Name, double Sum, double Count)> Judge(IProblemSource source, int first, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var figures = new List<(string, double, double)>();
        PreparedProblem[] problems = [.. Enumerable.Range(first, Math.Min(Together, source.Count - first)).Select(i => parts.Reading.Prepare(source.Name, source.Get(i), recipe.MaximumCompletion))];
        if (recipe.Rewards.Count > 0)
        {
            foreach (var group in sampler.Sample(problems, 1, recipe.MaximumCompletion, SamplingOptions.Greedy, (_, _) => 0, cancellation)) Add(figures, group);
        }

        foreach (var problem in problems.Where(problem => problem.Problem.Answer is not null)) AddLoss(figures, problem);
        return figures;
    }

    private void Add(List<(string, double, double)> figures, RolloutGroup group)
    {
        scorer.Score(group);
        var answer = group.Answers[0];
        figures.Add(("reward", scorer.Names.Select((_, r) => double.IsFinite(answer.Scores[r]) ? recipe.Rewards[r].Weight * answer.Scores[r] : 0).Sum(), 1));
        for (var r = 0; r < scorer.Names.Count; r++)
        {
            if (double.IsFinite(answer.Scores[r])) figures.Add((scorer.Names[r], answer.Scores[r], 1));
        }

        figures.Add(("tokens", answer.Ids.Length, 1));
    }

    private void AddLoss(List<(string, double, double)> figures, PreparedProblem problem)
    {
        using var scope = TensorScope.Open();
        using var pictures = new PictureCache(parts.Model);
        var values = TokenLikelihood.Score(parts.Model.Network, TokenBatch.OfAnswers(SupervisedStage.Sample(parts, problem, pictures.Of(problem, isReference: true))));
        figures.Add(("loss", -values.Sum(value => (double)value), values.Length));
    }

    private static void Write(BinaryWriter writer, List<(string Name, double Sum, double Count)> figures)
    {
        writer.Write(figures.Count);
        foreach (var (name, sum, count) in figures)
        {
            writer.Write(name);
            writer.Write(sum);
            writer.Write(count);
        }
    }

    private static List<(string Name, double Sum, double Count)> Read(BinaryReader reader)
    {
        var figures = new List<(string, double, double)>();
        for (var left = reader.ReadInt32(); left > 0; left--) figures.Add((reader.ReadString(), reader.ReadDouble(), reader.ReadDouble()));
        return figures;
    }
}
