using System.Globalization;
using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Training.Optim;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Reinforcement;

/// <summary>
/// Supervised tuning: the mean of -ln π over the tokens of the given answers, end tokens included; prompts are not learned. The mean is over all tokens of a
/// step, however many passes it is computed in.
/// </summary>
internal sealed class SupervisedStage : IRunStage
{
    private readonly RunParts _parts;
    private readonly LanguageStageRecipe _recipe;
    private readonly ProblemMixture _problems;
    private readonly RolloutSampler _sampler;
    private readonly ValidationMeasure _validation;
    private readonly Dictionary<string, float> _figures = [];

    public SupervisedStage(RunParts parts, int index, RunCheckpoint? resumed)
    {
        _parts = parts;
        _recipe = parts.Recipe.Stages[index];
        _problems = parts.ProblemsOf(_recipe);
        parts.Ranks.RequireWork(_recipe.Prompts, index, "prompts");
        State = new StageState(_recipe, index, parts.Model.Parameters, parts.Model.Paths, new AdamWOptions(), parts.Ranks);
        resumed?.Restore(State);
        _sampler = new RolloutSampler(parts.Model);
        _validation = new ValidationMeasure(parts, _recipe, new AnswerScorer(_recipe.Rewards, $"stages[{index}]"), _sampler);
    }

    public StageState State { get; }

    public string Kind => _recipe.Kind.ToString();

    public int SamplesAStep => _recipe.Prompts;

    public TimeSpan Waited => TimeSpan.Zero;

    public int MostRollbacks => _recipe.Tripwires.Rollbacks;

    public IReadOnlyDictionary<string, float> RunStep(CancellationToken cancellation)
    {
        var problems = _parts.Ranks.Together(() => Prepare(cancellation));
        _figures.Clear();
        var total = (int)_parts.Ranks.Sum(problems.Sum(problem => _parts.Reading.Answer(problem.Problem.Answer!).Length + problem.Earlier.Sum(range => range.End.Value - range.Start.Value)));
        using var pictures = new PictureCache(_parts.Model);
        _parts.Model.Network.RecomputesLayers = _recipe.Recompute;
        var loss = 0.0;
        foreach (var piece in problems.Chunk(_recipe.Batch == 0 ? problems.Length : _recipe.Batch))
        {
            using var scope = TensorScope.Open();
            using var tape = Tape.Record();
            var batch = TokenBatch.OfAnswers([.. piece.Select(problem => Sample(_parts, problem, pictures.Of(problem, isReference: false)))]);
            using var precision = _parts.Model.Round(_recipe.MixedPrecision);
            var logProbabilities = TokenLikelihood.Compute(_parts.Model.Network, batch);
            loss -= logProbabilities.ToArray<float>().Sum(value => (double)value) / total;
            tape.Backward(logProbabilities, Tensor.Full(logProbabilities.Shape, -1f / total, logProbabilities.Engine));
            TuningEvents.Log.Backward();
        }

        loss = _parts.Ranks.Sum(loss);
        Require(double.IsFinite(loss), "loss", loss, problems);
        var rate = _recipe.RateAt(State.Step);
        _figures["loss"] = (float)loss;
        _figures["gradient_norm"] = (float)State.ClipAndUpdate(rate, 1, norm => Require(double.IsFinite(norm), "gradient norm", norm, problems));
        _figures["learning_rate"] = (float)rate;
        _figures["tokens"] = (float)total / _recipe.Prompts;
        State.Average?.Update(Math.Min(_recipe.AverageDecay, (State.Step + 1.0) / (State.Step + 10.0)));
        TuningEvents.Log.Updated();
        return _figures;
    }

    public IReadOnlyList<IMeasurement> Measure(CancellationToken cancellation)
    {
        _sampler.Forget();
        return _validation.Run(cancellation);
    }

    public void Dispose()
    {
        _sampler.Dispose();
        State.Dispose();
    }

    /// <summary>A problem with its answer as a text of which the answers are learned.</summary>
    internal static SupervisedSample Sample(RunParts parts, PreparedProblem problem, IReadOnlyList<PictureFeatures> pictures)
    {
        var answer = parts.Reading.Answer(problem.Problem.Answer!);
        int[] ids = [.. problem.Ids, .. answer];
        return new SupervisedSample(ids, parts.Model.Network.Lay(ids, [.. problem.Pictures.Select(picture => picture.Grid)]), pictures, [.. problem.Earlier, problem.Ids.Length..ids.Length]);
    }

    /// <summary>This process's part of the step's problems.</summary>
    private PreparedProblem[] Prepare(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var (first, count) = _parts.Ranks.ShareOf(_recipe.Prompts);
        return [.. Enumerable.Range(first, count).Select(p => Prepare(((long)State.Step * _recipe.Prompts) + p))];
    }

    private PreparedProblem Prepare(long number)
    {
        var (source, problem) = _problems.Get(number);
        if (problem.Answer is null) throw new SightlineException(ErrorKind.BadData, $"{PreparedProblem.PlaceOf(source, problem)}: it has no answer to learn, which a supervised stage needs: add its \"answer\", or drop the stage");
        return _parts.Reading.Prepare(source, problem, _parts.Reading.Answer(problem.Answer).Length);
    }

    private void Require(bool holds, string figure, double value, IEnumerable<PreparedProblem> problems)
    {
        if (!holds) throw new TripwireException(string.Create(CultureInfo.InvariantCulture, $"stage {State.Index + 1}, step {State.Step + 1}: the {figure} is {value}; problems: {string.Join(", ", problems.Select(problem => problem.Name))}"));
    }
}
