namespace Sightline.Training.Reinforcement;

/// <summary>One answer to a problem.</summary>
/// <param name="Ids">Its tokens, the end token included.</param>
/// <param name="LogProbabilities">ln π of each, as the sampler computed it.</param>
/// <param name="Text">Its words.</param>
/// <param name="IsCut">Whether the limit ended it.</param>
internal sealed record Rollout(int[] Ids, float[] LogProbabilities, string Text, bool IsCut)
{
    /// <summary>The entropies in nats of what its tokens were drawn from, added up.</summary>
    public double Entropy { get; init; }

    /// <summary>Its words without special tokens, as the published trainers score them.</summary>
    public string PlainText { get; init; } = Text;

    /// <summary>Tokens of <see cref="PlainText"/>.</summary>
    public int PlainTokens { get; init; } = Ids.Length;

    /// <summary>What each rule gave, in their order; NaN where it had no opinion.</summary>
    public double[] Scores { get; set; } = [];

    /// <summary>The weighted sum.</summary>
    public double Reward { get; set; }

    /// <summary>How much better than its group.</summary>
    public double Advantage { get; set; }

    /// <summary>ln π of each token under the reference; null without a penalty.</summary>
    public float[]? Reference { get; set; }
}

/// <summary>A problem and the answers to it.</summary>
/// <param name="Problem">The problem.</param>
/// <param name="Answers">At least two in training.</param>
internal sealed record RolloutGroup(PreparedProblem Problem, IReadOnlyList<Rollout> Answers)
{
    /// <summary>Mean and deviation of the rewards.</summary>
    public RewardSpread Spread { get; set; }
}
