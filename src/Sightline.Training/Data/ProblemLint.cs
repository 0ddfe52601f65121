using Sightline.Geometry;
using Sightline.Text.Answers;

namespace Sightline.Training.Data;

/// <summary>The checks that look at problems: their pictures, solutions, and whether solution and typed truth speak of the same places.</summary>
internal static class ProblemLint
{
    /// <summary>Rounding to whole thousandths moves the edges of a small box by a good part; another frame moves it away.</summary>
    private const double SamePlace = 0.5;

    public static void Check(IReadOnlyList<Problem> problems, bool pictures, List<LintFinding> findings)
    {
        foreach (var problem in problems)
        {
            var places = VlmR1Reader.Count(problem.Prompt, Problem.PicturePlace) + problem.Earlier.Sum(turn => VlmR1Reader.Count(turn.Text, Problem.PicturePlace));
            if (places > problem.Pictures.Count) findings.Add(new(LintRule.MissingPicture, LintSeverity.Error, problem.Id, $"the problem has {places} places for pictures ({Problem.PicturePlace}) and {problem.Pictures.Count} pictures"));
            if (string.IsNullOrWhiteSpace(problem.Prompt.Replace(Problem.PicturePlace, "", StringComparison.Ordinal))) findings.Add(new(LintRule.EmptyPhrase, LintSeverity.Error, problem.Id, "the prompt is empty"));
            if (problem is { Pictures.Count: 0, Boxes: not null }) findings.Add(new(LintRule.MissingPicture, LintSeverity.Error, problem.Id, "the problem has boxes and no picture that they are in"));
            // the first picture is looked at as a sample's
            foreach (var picture in pictures ? problem.Pictures.Skip(1) : [])
            {
                if (picture.File is { } file && !File.Exists(file)) findings.Add(new(LintRule.MissingPicture, LintSeverity.Error, problem.Id, $"the picture '{file}' is not there"));
            }

            if (CheckSolution(problem) is { } finding) findings.Add(finding);
        }

        foreach (var group in problems.GroupBy(problem => problem.Id).Where(group => group.Count() > 1))
            findings.Add(new(LintRule.DuplicateId, LintSeverity.Warning, group.Key, $"{group.Count()} problems have the id '{group.Key}'"));
    }

    /// <summary>What is wrong with a solution that speaks of places, as rewards on boxes and points read it; null for names, which need none.</summary>
    private static GroundedAnswer? Broken(string solution, CoordinateFrame frame)
    {
        var boxes = AnswerParser.Parse(solution, AnswerKind.Boxes, frame);
        if (IsRead(boxes) || IsRead(AnswerParser.Parse(solution, AnswerKind.Points, frame))) return null;
        var isName = boxes.Status == AnswerStatus.Truncated
            ? !solution.AsSpan().ContainsAny('[', '{') && !solution.AsSpan().ContainsAnyInRange('0', '9')
            : boxes.Problem!.StartsWith("the answer holds no box", StringComparison.Ordinal) || boxes.Problem == "the answer is empty";
        return isName ? null : boxes;

        static bool IsRead(GroundedAnswer answer) => answer.Status is AnswerStatus.Complete or AnswerStatus.NothingThere;
    }

    private static LintFinding? CheckSolution(Problem problem)
    {
        if (problem.Solution is null)
        {
            return problem is { Answer: null, Boxes: null, Points: null, Label: null }
                ? new(LintRule.BadSolution, LintSeverity.Error, problem.Id, "neither a solution, nor boxes, points or a label, nor an answer: nothing can be learned from it")
                : null;
        }

        if (problem is { Frame: { } frame, Boxes: { } boxes })
        {
            var read = AnswerParser.Parse(problem.Solution, problem.Points is null ? AnswerKind.Boxes : AnswerKind.Points, frame);
            if (read.Status == AnswerStatus.WrongFrame) return new(LintRule.WrongFrame, LintSeverity.Error, problem.Id, $"the solution: {read.Problem}");
            if (read.Status is AnswerStatus.Malformed or AnswerStatus.Truncated) return new(LintRule.BadSolution, LintSeverity.Error, problem.Id, $"the solution cannot be read: {read.Problem}");
            if (problem.Points is not null || boxes.Any(box => box.Box.Frame.IsUnspecified)) return null;
            if (read.Boxes.Count != boxes.Count) return new(LintRule.BadSolution, LintSeverity.Error, problem.Id, $"the solution has {read.Boxes.Count} boxes and the typed truth {boxes.Count}");
            for (var i = 0; i < boxes.Count; i++)
            {
                var (said, truth) = (read.Boxes[i].Box, boxes[i].Box.To(frame));
                if (truth.Width > 10 && truth.Height > 10 && Iou.Of(said, truth) < SamePlace)
                    return new(LintRule.WrongFrame, LintSeverity.Error, problem.Id, $"the solution's box {said} is not the typed box {boxes[i].Box}: one of them is in another frame than it says");
            }

            return null;
        }

        if (Broken(problem.Solution, problem.Frame ?? default) is { } broken)
        {
            return broken.Status == AnswerStatus.WrongFrame ? new(LintRule.WrongFrame, LintSeverity.Error, problem.Id, $"the solution: {broken.Problem}")
                : new(LintRule.BadSolution, LintSeverity.Error, problem.Id, $"the solution cannot be read: {broken.Problem}");
        }

        return string.IsNullOrWhiteSpace(problem.Solution.Replace("<answer>", "", StringComparison.Ordinal).Replace("</answer>", "", StringComparison.Ordinal))
            ? new(LintRule.BadSolution, LintSeverity.Error, problem.Id, "the solution is empty")
            : null;
    }
}
