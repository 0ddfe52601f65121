using Sightline.Text.Answers;

namespace Sightline.Training.Rewards;

/// <summary>Rewards on names and on the form of an answer.</summary>
internal static class AnswerRewards
{
    /// <summary>The whole name, not a part of it; apart from case, spaces, hyphens and underscores.</summary>
    public static double Label(RewardCase one)
    {
        var truth = AnswerParser.Parse(one.Solution, AnswerKind.Label, default).Label ?? throw new RewardException("BadSolution", "the solution names nothing");
        var answer = AnswerParser.Parse(one.Completion, AnswerKind.Label, default, one.IsCut);
        return answer is { Status: AnswerStatus.Complete, Label: { } label } && (SpokenAnswer.IsSame(label, truth) || one.Synonyms.Any(name => SpokenAnswer.IsSame(label, name))) ? 1 : 0;
    }

    /// <summary>Tags alone are not enough: there must be a thought, and the answer must be one.</summary>
    public static double Format(RewardCase one)
    {
        // the solution says what kind of answer is wanted
        var isOfBoxes = one.Boxes is not null || AnswerParser.Parse(one.Solution, AnswerKind.Boxes, one.Frame).Status is AnswerStatus.Complete or AnswerStatus.NothingThere;
        var kind = isOfBoxes ? AnswerKind.Boxes : AnswerKind.Label;
        var answer = AnswerParser.Parse(one.Completion, kind, one.Frame, one.IsCut);
        if (kind == AnswerKind.Boxes && answer.Boxes.Count == 0 && answer.Points.Count > 0) answer = AnswerParser.Parse(one.Completion, AnswerKind.Points, one.Frame, one.IsCut);
        return answer is { IsInTags: true, Thinking.Length: > 0, Status: AnswerStatus.Complete or AnswerStatus.NothingThere } ? 1 : 0;
    }
}
