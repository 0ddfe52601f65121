using System.Globalization;
using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Text.Answers;
using Sightline.Training.Recipes;
using Sightline.Training.Rewards;
using BoxIou = Sightline.Geometry.Iou;

namespace Sightline.Training.Reinforcement;

/// <summary>What answers before any training say about a run: whether there is something to learn from.</summary>
public sealed record PreflightReport
{
    /// <summary>Problems that were tried.</summary>
    public required int Problems { get; init; }

    /// <summary>Answers to all of them.</summary>
    public required int Answers { get; init; }

    /// <summary>Mean tokens of an answer.</summary>
    public required double Tokens { get; init; }

    /// <summary>Share of answers that the limit ended.</summary>
    public required double Cut { get; init; }

    /// <summary>Share of answers that could be read; NaN where the problems have no boxes and no names.</summary>
    public required double Parsed { get; init; }

    /// <summary>Share of answers that speak of places outside of the frame.</summary>
    public required double WrongFrame { get; init; }

    /// <summary>Share of true boxes that an answer finds with an IoU of at least 0.5; NaN without boxes.</summary>
    public required double Matched { get; init; }

    /// <summary>True boxes by the IoU of the box that answers them: 0 to 0.1, .., 0.9 to 1; empty without boxes.</summary>
    public required IReadOnlyList<int> IouHistogram { get; init; }

    /// <summary>Mean, deviation and share of zeros of each reward.</summary>
    public required IReadOnlyList<(string Name, double Mean, double Deviation, double Zeros)> Rewards { get; init; }

    /// <summary>Groups without spread, from which nothing can be learned.</summary>
    public required int IdleGroups { get; init; }

    /// <summary>Likely causes of what is wrong, a sentence each; none where all is well.</summary>
    public required IReadOnlyList<string> Findings { get; init; }

    /// <summary>One answer, to be looked at.</summary>
    public required string Example { get; init; }
}

/// <summary>Tries a stage's problems before training.</summary>
internal static class Preflight
{
    private const double Found = 0.5;

    public static PreflightReport Run(RunParts parts, int index, int problems, CancellationToken cancellation)
    {
        var recipe = parts.Recipe.Stages[index];
        var scorer = new AnswerScorer(recipe.Rewards, $"stages[{index}]");
        using var sampler = new RolloutSampler(parts.Model);
        var mixture = parts.ProblemsOf(recipe);
        var seeds = new RandomStream(parts.Recipe.Seed).Fork("preflight");
        var sampling = new SamplingOptions { Temperature = recipe.Temperature, TopK = recipe.TopK, TopP = recipe.TopP };
        var groups = new List<RolloutGroup>();
        for (var p = 0; p < problems; p++)
        {
            var (source, problem) = mixture.Get(p);
            var prepared = parts.Reading.Prepare(source, problem, recipe.MaximumCompletion);
            var number = p;
            var group = sampler.Sample([prepared], recipe.Group, recipe.MaximumCompletion, sampling, (_, a) => seeds.Fork((ulong)number).Fork((ulong)a).NextUInt64(), cancellation)[0];
            scorer.Score(group);
            groups.Add(group);
        }

        return Report(recipe, scorer, groups);
    }

    /// <summary>What scored answers say.</summary>
    internal static PreflightReport Report(LanguageStageRecipe recipe, AnswerScorer scorer, IReadOnlyList<RolloutGroup> groups)
    {
        var answers = groups.SelectMany(group => group.Answers.Select(answer => (group.Problem, Answer: answer))).ToList();
        var (judged, parsed, wrongFrame, ious) = (0, 0, 0, new List<double>());
        foreach (var (problem, answer) in answers)
        {
            var truth = Truth(problem);
            if (truth is null && problem.Problem.Label is null) continue;
            judged++;
            var read = AnswerParser.Parse(answer.Text, truth is null ? AnswerKind.Label : AnswerKind.Boxes, problem.Frame, answer.IsCut);
            if (read is { Boxes.Count: 0, Points.Count: > 0 }) read = AnswerParser.Parse(answer.Text, AnswerKind.Points, problem.Frame, answer.IsCut); // asked to point
            if (read.Status == AnswerStatus.WrongFrame) wrongFrame++;
            if (read.Status is AnswerStatus.Complete or AnswerStatus.NothingThere) parsed++;
            if (truth is null || read.Points.Count > 0) continue; // a point overlaps nothing
            var said = read.IsUsable ? read.Boxes : [];
            var pairs = SpokenAnswer.Pair(said.Count, truth.Count, (i, j) => BoxIou.Of(said[i].Box.Clip(), truth[j].Box));
            ious.AddRange(pairs.Select(pair => pair.Score));
            ious.AddRange(Enumerable.Repeat(0.0, truth.Count - pairs.Count));
        }

        var report = new PreflightReport
        {
            Problems = groups.Count,
            Answers = answers.Count,
            Tokens = answers.Average(one => one.Answer.Ids.Length),
            Cut = answers.Average(one => one.Answer.IsCut ? 1.0 : 0),
            Parsed = judged == 0 ? double.NaN : (double)parsed / judged,
            WrongFrame = judged == 0 ? 0 : (double)wrongFrame / judged,
            Matched = ious.Count == 0 ? double.NaN : ious.Average(iou => iou >= Found ? 1.0 : 0),
            IouHistogram = ious.Count == 0 ? [] : [.. Enumerable.Range(0, 10).Select(bin => ious.Count(iou => Math.Min(9, (int)(iou * 10)) == bin))],
            Rewards = [.. scorer.Names.Select((name, r) => Spread(name, [.. answers.Select(one => one.Answer.Scores[r]).Where(double.IsFinite)]))],
            IdleGroups = groups.Count(group => group.Answers.All(answer => answer.Reward == group.Answers[0].Reward)),
            Findings = [],
            Example = answers[0].Answer.Text,
        };
        return report with { Findings = [.. Findings(report, recipe, scorer)] };
    }

    private static IReadOnlyList<AnsweredBox>? Truth(PreparedProblem problem)
    {
        if (problem.Frame.IsUnspecified) return null;
        if (problem.Problem.Boxes is { } boxes) return [.. boxes.Select(found => new AnsweredBox(found.Box.To(problem.Frame).Clip(), found.Label))];
        if ((problem.Problem.Solution ?? problem.Problem.Answer) is not { } solution || problem.Problem is { Solution: null, Label: not null }) return null;
        var read = AnswerParser.Parse(solution, AnswerKind.Boxes, problem.Frame);
        return read.Status is AnswerStatus.Complete or AnswerStatus.NothingThere ? read.Boxes : null;
    }

    private static (string, double, double, double) Spread(string name, double[] scores)
    {
        if (scores.Length == 0) return (name, double.NaN, double.NaN, double.NaN);
        var mean = scores.Average();
        return (name, mean, Math.Sqrt(scores.Average(score => (score - mean) * (score - mean))), scores.Average(score => score == 0 ? 1.0 : 0));
    }

    /// <summary>From the coarsest cause to the finest; a coarse one explains what comes after it.</summary>
    private static IEnumerable<string> Findings(PreflightReport report, LanguageStageRecipe recipe, AnswerScorer scorer)
    {
        if (report.Cut > 0.5)
            yield return string.Create(CultureInfo.InvariantCulture, $"{report.Cut * 100:0} % of the answers are cut off at {recipe.MaximumCompletion} tokens: raise maximum_completion, or teach the model to end (a supervised stage before)");
        else if (report.WrongFrame > 0.3)
            yield return string.Create(CultureInfo.InvariantCulture, $"{report.WrongFrame * 100:0} % of the answers name places outside of the frame: model and problems speak other coordinates; give the problems the frame that the prompt asks for");
        else if (report.Parsed < 0.5)
            yield return string.Create(CultureInfo.InvariantCulture, $"only {report.Parsed * 100:0} % of the answers can be read: say in the prompt how to answer, or put a supervised stage before this one");
        else if (report.Matched == 0)
            yield return "answers can be read, but no box overlaps a true one by half: look at the example; solutions in another frame or other pictures look like this, and so does a model that cannot see yet";
        foreach (var (name, mean, deviation, zeros) in report.Rewards)
        {
            if (double.IsNaN(mean)) yield return $"{name} has no opinion on any answer: its solutions may be in another form than it expects";
            else if (zeros == 1) yield return $"{name} is 0 for every answer: nothing can be learned from it yet{(name.EndsWith("format", StringComparison.Ordinal) ? "; the prompt does not make the model use the tags" : "")}";
            else if (deviation == 0) yield return string.Create(CultureInfo.InvariantCulture, $"{name} is {mean:0.###} for every answer: it cannot tell them apart");
        }

        if (scorer.Errors > 0) yield return $"rewards raised {scorer.Errors} errors, which count as 0";
        if (report.IdleGroups == report.Problems) yield return "the answers of every group have the same reward: raise temperature or group, or choose a finer reward";
        else if (report.IdleGroups * 2 > report.Problems) yield return $"{report.IdleGroups} of {report.Problems} groups have no spread: most of the sampling will teach nothing (idle: Resample tries other problems)";
    }
}
