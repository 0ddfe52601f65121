namespace Sightline.Training.Rewards;

/// <summary>A rule that scores an answer: a pure function with a name.</summary>
/// <param name="Name">As recipes and the command line call it: <c>visual-rft/accuracy_iou</c>.</param>
/// <param name="Description">What it rewards, in a sentence.</param>
/// <param name="Score">The reward; NaN where the original gives NaN.</param>
public sealed record RewardFunction(string Name, string Description, Func<RewardCase, double> Score)
{
    /// <summary>Whether it is given completions without special tokens (<c>&lt;|box_start|></c>), as the published trainers decode them.</summary>
    public bool SkipsSpecialTokens { get; init; }
}

/// <summary>The reward that was asked for raises an error on this case where the original raises one.</summary>
/// <param name="type">The original's class of error, as <c>JSONDecodeError</c>.</param>
/// <param name="message">The original's message.</param>
public sealed class RewardException(string type, string message) : Exception(message)
{
    /// <summary>The original's class of error.</summary>
    public string Type => type;
}
