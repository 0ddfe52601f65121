using Sightline.Generation;
using Sightline.Training.Data;
using Sightline.Training.Recipes;
using Sightline.Training.Reinforcement;
using Sightline.Training.Runs;

namespace Sightline.Training.Experiments;

/// <summary>
/// Supervised tuning against reinforcement, on the same few problems, with several seeds. Every run starts from the same weights; test problems are asked at
/// temperature 0. Apart from times the outcome depends on the recipe alone.
/// </summary>
public sealed class FewShotExperiment
{
    private const int Together = 16; // test problems that are answered at once
    private readonly FewShotRecipe _recipe;
    private readonly TimeProvider _clock;

    /// <summary>Trains nothing yet.</summary>
    public FewShotExperiment(FewShotRecipe recipe, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        (_recipe, _clock) = (recipe, clock ?? TimeProvider.System);
    }

    /// <summary>Runs everything, or what <paramref name="folder"/> does not have yet.</summary>
    /// <param name="progress">Told of each run when it has ended.</param>
    /// <param name="cancellation">Ends it without a result.</param>
    /// <param name="folder">Keeps each run as it ends; null: nothing is kept.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="SightlineException">What is missing or does not fit; BadData: fewer problems than shots.</exception>
    public FewShotResult Run(Action<FewShotRun> progress, CancellationToken cancellation, FewShotFolder? folder = null)
    {
        ArgumentNullException.ThrowIfNull(progress);
        var runs = new List<FewShotRun>();
        IReadOnlyList<double>? before = null;
        foreach (var shots in _recipe.Shots)
        {
            for (var i = 0; i < _recipe.Seeds; i++)
            {
                foreach (var stage in new[] { _recipe.Reinforcement, _recipe.Supervised })
                {
                    var seed = _recipe.Seed + (ulong)i;
                    if (folder?.Find(KindOf(stage), shots, seed) is { } kept)
                    {
                        before ??= kept.Before;
                        runs.Add(kept.Run);
                        continue;
                    }

                    var run = Tune(stage, shots, seed, ref before, cancellation);
                    folder?.Keep(run, before!);
                    runs.Add(run);
                    progress(run);
                }
            }
        }

        return new FewShotResult(_recipe, before!, runs);
    }

    private FewShotRun Tune(LanguageStageRecipe recipe, int shots, ulong seed, ref IReadOnlyList<double>? before, CancellationToken cancellation)
    {
        var opened = RunParts.Open(_recipe.ToRun(recipe, seed), _clock);
        using var model = opened.Model;
        var parts = opened with { Train = [Few(opened.Train[0], shots, seed)] };
        using var stage = recipe.Kind == LanguageStageKind.Supervised ? new SupervisedStage(parts, 0, null) : (IRunStage)new PolicyStage(parts, 0, null);
        using var test = new TestProblems(parts, recipe);
        var scores = before ??= test.Score(cancellation);
        var curve = new List<FewShotMoment> { new(0, 0, scores.Average()) };
        var rewards = new List<double>();
        var (processor, elapsed) = (0.0, 0.0);
        for (var step = 1; step <= recipe.Steps; step++)
        {
            var (from, clock) = (Environment.CpuUsage.TotalTime, _clock.GetTimestamp());
            var figures = stage.RunStep(cancellation);
            stage.State.Step = step;
            processor += (Environment.CpuUsage.TotalTime - from).TotalSeconds;
            elapsed += _clock.GetElapsedTime(clock).TotalSeconds;
            if (figures.TryGetValue("reward", out var reward)) rewards.Add(reward);
            if ((long)step * _recipe.Measurements / recipe.Steps == (step - 1L) * _recipe.Measurements / recipe.Steps) continue;
            scores = test.Score(cancellation);
            curve.Add(new FewShotMoment(step, processor, scores.Average()));
        }

        return new FewShotRun(KindOf(recipe), shots, seed, curve, scores, rewards, elapsed);
    }

    private static string KindOf(LanguageStageRecipe stage) => stage.Kind == LanguageStageKind.Supervised ? "supervised" : "reinforcement";

    /// <summary>The few problems of a seed, their pictures read once.</summary>
    private static ProblemSet Few(IProblemSource all, int shots, ulong seed)
    {
        var problems = FewShot.Subset([.. Enumerable.Range(0, all.Count).Select(all.Get)], shots, seed);
        return new ProblemSet(all.Name, [.. problems.Select(problem => problem with { Pictures = [.. problem.Pictures.Select(Read)] })]);
    }

    private static ProblemPicture Read(ProblemPicture picture)
    {
        var pixels = picture.Load();
        return ProblemPicture.FromPixels(picture.Name, () => pixels);
    }

    /// <summary>The test problems, read and laid out once.</summary>
    private sealed class TestProblems : IDisposable
    {
        private readonly AnswerScorer _scorer;
        private readonly RolloutSampler _sampler;
        private readonly PreparedProblem[] _problems;
        private readonly int _longest;

        public TestProblems(RunParts parts, LanguageStageRecipe recipe)
        {
            _scorer = new AnswerScorer(recipe.Rewards.Take(1).ToList(), recipe.Kind.ToString());
            _sampler = new RolloutSampler(parts.Model);
            _longest = recipe.MaximumCompletion;
            var source = parts.Validation[0];
            _problems = [.. Enumerable.Range(0, source.Count).Select(i => parts.Reading.Prepare(source.Name, source.Get(i), _longest))];
        }

        /// <summary>The first reward of the most likely answer to each problem.</summary>
        public IReadOnlyList<double> Score(CancellationToken cancellation)
        {
            _sampler.Forget();
            var scores = new List<double>(_problems.Length);
            foreach (var some in _problems.Chunk(Together))
            {
                foreach (var group in _sampler.Sample(some, 1, _longest, SamplingOptions.Greedy, (_, _) => 0, cancellation))
                {
                    _scorer.Score(group);
                    scores.Add(group.Answers[0].Scores[0]);
                }
            }

            return scores;
        }

        public void Dispose() => _sampler.Dispose();
    }
}
