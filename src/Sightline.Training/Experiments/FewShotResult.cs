using Sightline.Training.Evaluation;

namespace Sightline.Training.Experiments;

/// <summary>What a comparison found.</summary>
/// <param name="Recipe">What was asked.</param>
/// <param name="Base">The reward of each test problem before any tuning.</param>
/// <param name="Runs">All runs.</param>
public sealed record FewShotResult(FewShotRecipe Recipe, IReadOnlyList<double> Base, IReadOnlyList<FewShotRun> Runs)
{
    private const int Samples = 2000;
    private const double Level = 0.95;

    /// <summary>The comparison for each number of shots.</summary>
    public IReadOnlyList<FewShotRow> Rows => [.. Recipe.Shots.Select(Row)];

    private FewShotRow Row(int shots)
    {
        var (reinforced, supervised) = (Of("reinforcement", shots), Of("supervised", shots));
        var none = reinforced.Select(_ => Base).ToList();
        return new FewShotRow(
            shots,
            Figure(reinforced.ConvertAll(run => run.Scores), null),
            Figure(supervised.ConvertAll(run => run.Scores), null),
            Figure(reinforced.ConvertAll(run => run.Scores), supervised.ConvertAll(run => run.Scores)),
            Figure(reinforced.ConvertAll(run => run.Scores), none),
            reinforced.Average(run => run.Best),
            supervised.Average(run => run.Best),
            reinforced.Average(run => run.Seconds),
            supervised.Average(run => run.Seconds),
            reinforced.Average(Started),
            reinforced.Average(Ended));
    }

    private List<FewShotRun> Of(string kind, int shots) => [.. Runs.Where(run => run.Kind == kind && run.Shots == shots).OrderBy(run => run.Seed)];

    private static double Started(FewShotRun run) => run.Rewards.Take(Tenth(run)).Average();

    private static double Ended(FewShotRun run) => run.Rewards.TakeLast(Tenth(run)).Average();

    private static int Tenth(FewShotRun run) => Math.Max(1, run.Rewards.Count / 10);

    /// <summary>A mean over seeds and test problems, or that of the difference to other runs with the same seeds; the interval draws both seeds and problems again.</summary>
    private static FewShotFigure Figure(List<IReadOnlyList<double>> values, List<IReadOnlyList<double>>? others)
    {
        var (seeds, problems) = (values.Count, values[0].Count);
        double At(int seed, int problem) => values[seed][problem] - (others is null ? 0 : others[seed][problem]);
        var mean = Enumerable.Range(0, seeds).Average(seed => Enumerable.Range(0, problems).Average(problem => At(seed, problem)));
        var (bySeed, byProblem) = (new byte[seeds], new byte[problems]);
        var drawn = new double[Samples];
        for (var b = 0; b < Samples; b++)
        {
            PictureWeights.Draw(1, b, bySeed);
            PictureWeights.Draw(2, b, byProblem);
            var sum = 0.0;
            for (var s = 0; s < seeds; s++)
            {
                for (var p = 0; bySeed[s] > 0 && p < problems; p++) sum += (double)bySeed[s] * byProblem[p] * At(s, p);
            }

            drawn[b] = sum / (seeds * (double)problems);
        }

        return new FewShotFigure(mean, Interval.OfPercentiles(drawn, Level));
    }
}

/// <summary>A mean with its interval.</summary>
/// <param name="Mean">Over seeds and test problems.</param>
/// <param name="Interval">From drawing seeds and test problems again.</param>
public readonly record struct FewShotFigure(double Mean, Interval Interval);

/// <summary>The two kinds of tuning with one number of shots.</summary>
/// <param name="Shots">Problems of each subject.</param>
/// <param name="Reinforced">Test reward after reinforcement.</param>
/// <param name="Supervised">Test reward after supervised tuning.</param>
/// <param name="Difference">The first minus the second, seed by seed and problem by problem.</param>
/// <param name="Gain">Reinforcement minus the model before tuning.</param>
/// <param name="ReinforcedBest">Mean over seeds of the best measurement of a reinforced run.</param>
/// <param name="SupervisedBest">Mean over seeds of the best measurement of a supervised run.</param>
/// <param name="ReinforcedSeconds">Processor time of training a reinforced run.</param>
/// <param name="SupervisedSeconds">Processor time of training a supervised run.</param>
/// <param name="RewardBefore">Mean reward of sampled answers over the first tenth of the steps.</param>
/// <param name="RewardAfter">Mean reward of sampled answers over the last tenth of the steps.</param>
public sealed record FewShotRow(
    int Shots, FewShotFigure Reinforced, FewShotFigure Supervised, FewShotFigure Difference, FewShotFigure Gain,
    double ReinforcedBest, double SupervisedBest, double ReinforcedSeconds, double SupervisedSeconds, double RewardBefore, double RewardAfter);
