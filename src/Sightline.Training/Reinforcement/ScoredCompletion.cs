namespace Sightline.Training.Reinforcement;

/// <summary>What <see cref="PolicyLoss"/> needs to know of a completion: ln-probabilities of its n tokens (the end token included) and its advantage.</summary>
/// <param name="Policy">ln π of each token under the weights that are trained, [n].</param>
/// <param name="Advantage">From <see cref="AdvantageGroups"/>.</param>
public sealed record ScoredCompletion(float[] Policy, double Advantage)
{
    /// <summary>ln π of each token under the weights that sampled it, [n]; null: those are the weights that are trained, and all ratios are 1.</summary>
    public float[]? Old { get; init; }

    /// <summary>ln π of each token under the reference, [n]; null where there is no KL penalty.</summary>
    public float[]? Reference { get; init; }

    /// <summary>
    /// False: its tokens count nowhere (truncated-completion masking: an answer that was cut off was not judged). It still counts as one of the
    /// completions that GRPO's mean is over, as in TRL.
    /// </summary>
    public bool Counts { get; init; } = true;
}
