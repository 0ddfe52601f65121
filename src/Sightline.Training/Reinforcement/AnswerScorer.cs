using Sightline.Text.Answers;
using Sightline.Training.Recipes;
using Sightline.Training.Rewards;

namespace Sightline.Training.Reinforcement;

/// <summary>The rewards of a stage: each rule's score of an answer, and their weighted sum.</summary>
internal sealed class AnswerScorer
{
    private const double Epsilon = 1e-4; // as advantages have it
    private readonly IReadOnlyList<RewardRecipe> _recipes;
    private readonly RewardFunction[] _functions;

    /// <exception cref="SightlineException">BadRecipe: there is no such reward.</exception>
    public AnswerScorer(IReadOnlyList<RewardRecipe> recipes, string where)
    {
        _recipes = recipes;
        try
        {
            _functions = [.. recipes.Select(recipe => RewardFunctions.Get(recipe.Name))];
        }
        catch (SightlineException error)
        {
            throw new SightlineException(ErrorKind.BadRecipe, $"{where}.rewards: {error.Message}", error);
        }
    }

    /// <summary>The rules, as the recipe calls them.</summary>
    public IReadOnlyList<string> Names => [.. _recipes.Select(recipe => recipe.Name)];

    /// <summary>Rules that raised an error where the original would: such an answer gets 0 from them.</summary>
    public int Errors { get; set; }

    /// <summary>Fills in scores and reward of each answer.</summary>
    /// <exception cref="SightlineException">BadData: a solution cannot be read. BadRecipe: a reward of the user's failed.</exception>
    public void Score(RolloutGroup group)
    {
        foreach (var answer in group.Answers)
        {
            answer.Scores = [.. _functions.Select(function => Score(function, group.Problem, answer))];
            TuningEvents.Log.Scored();
        }

        foreach (var answer in group.Answers) answer.Reward = 0;
        for (var r = 0; r < _recipes.Count; r++)
        {
            var known = group.Answers.Select(answer => answer.Scores[r]).Where(double.IsFinite).ToArray();
            if (known.Length == 0) continue;
            var mean = known.Average();
            var deviation = known.Length > 1 ? Math.Sqrt(known.Sum(score => (score - mean) * (score - mean)) / (known.Length - 1)) : 0;
            foreach (var answer in group.Answers)
            {
                var score = answer.Scores[r];
                if (!double.IsFinite(score)) continue; // no opinion adds nothing, as in TRL
                answer.Reward += _recipes[r].Weight * (_recipes[r].Normalize ? (score - mean) / (deviation + Epsilon) : score);
            }
        }
    }

    /// <summary>The case that a rule judges.</summary>
    internal static RewardCase CaseOf(PreparedProblem problem, Rollout answer, bool isPlain = false) => new(isPlain ? answer.PlainText : answer.Text, Solution(problem))
    {
        Picture = problem.Size,
        Grid = problem.Pictures.Count > 0 ? (problem.Pictures[0].Grid.Time, problem.Pictures[0].Grid.Height, problem.Pictures[0].Grid.Width) : (1, 0, 0),
        CompletionTokens = answer.PlainTokens,
        IsCut = answer.IsCut,
        Frame = problem.Frame,
        Boxes = problem.Boxes,
        Synonyms = problem.Problem.Synonyms,
    };

    /// <summary>The solution in the problem's frame, for looking at.</summary>
    /// <exception cref="SightlineException">BadData: nothing is known of the right answer.</exception>
    public static string Truth(PreparedProblem problem) => problem.Boxes is { } boxes ? AnswerWriter.Boxes(AnswerForm.Json, boxes, problem.Frame) : Solution(problem);

    /// <summary>What rewards compare with, as they read it; where a problem says nothing else, the answer that supervised training teaches.</summary>
    private static string Solution(PreparedProblem problem)
    {
        var (one, frame) = (problem.Problem, problem.Frame);
        if (one.Solution is { } written) return written;
        if (one.Boxes is { } boxes && !frame.IsUnspecified) return AnswerWriter.Boxes(AnswerForm.Json, [.. boxes.Select(found => new AnsweredBox(found.Box, found.Label.Length > 0 ? found.Label : null))], frame);
        if (one.Label is { } label) return label;
        if (one.Boxes is not null) throw new SightlineException(ErrorKind.BadData, $"{problem.Place}: it has boxes and no picture that they are in: add \"pictures\"");
        // a set of conversations says nothing but the answer
        return one.Answer ?? throw new SightlineException(ErrorKind.BadData, $"{problem.Place}: it has neither a solution nor boxes, a label or an answer, and nothing can be rewarded: add one of them");
    }

    private double Score(RewardFunction function, PreparedProblem problem, Rollout answer)
    {
        try
        {
            return function.Score(CaseOf(problem, answer, function.SkipsSpecialTokens));
        }
        catch (RewardException error) when (error.Type == "BadSolution")
        {
            throw new SightlineException(ErrorKind.BadData, $"{problem.Place}: {function.Name}: {error.Message.TrimEnd('.')}: correct it (sightline data lint shows all such), or choose a reward that reads it", error);
        }
        catch (SightlineException error) when (error.Kind == ErrorKind.BadRecipe)
        {
            throw new SightlineException(error.Kind, $"problem '{problem.Name}': {error.Message}", error);
        }
        catch (RewardException)
        {
            Errors++;
            return 0;
        }
    }
}
