namespace Sightline.Training.Reinforcement;

/// <summary>A loss, its derivative, and what to log about it.</summary>
/// <param name="Loss">The value to minimise.</param>
/// <param name="Gradient">∂loss/∂ln π of every token, completion after completion; 0 for tokens that do not count. Hand it to <c>Tape.Backward(logProbabilities, gradient)</c>.</param>
/// <param name="Metrics">Of this call's completions alone.</param>
public sealed record PolicyLossResult(double Loss, float[] Gradient, PolicyLossMetrics Metrics);

/// <summary>What to log about a <see cref="PolicyLoss"/>.</summary>
public sealed record PolicyLossMetrics
{
    /// <summary>Tokens that count.</summary>
    public required int Tokens { get; init; }

    /// <summary>Mean KL penalty of a token before its weight, in nats; 0 without a reference.</summary>
    public required double Kl { get; init; }

    /// <summary>Share of tokens (of completions, where ratios are theirs) without gradient as their ratio is too low.</summary>
    public required double ClippedLow { get; init; }

    /// <summary>As <see cref="ClippedLow"/>, too high; for CISPO the tokens whose weight was capped.</summary>
    public required double ClippedHigh { get; init; }

    /// <summary>The smallest share of a completion clipped low.</summary>
    public required double LeastClippedLow { get; init; }

    /// <summary>The largest share of a completion clipped high.</summary>
    public required double MostClippedHigh { get; init; }

    /// <summary>Share of tokens whose ratio is outside of the range, whatever the advantage says.</summary>
    public required double OutsideRange { get; init; }

    /// <summary>Mean of VESPO's weight φ over completions; 0 for other losses.</summary>
    public required double Weight { get; init; }

    /// <summary>Completions left out by <see cref="PolicyLossOptions.OffPolicyLimit"/>.</summary>
    public required int OffPolicy { get; init; }

    /// <summary>The largest |ln π - ln π_old| of a token that counts: 0 where sampler and learner have the same weights and agree.</summary>
    public required double LargestDrift { get; init; }

    /// <summary>Share of clipped tokens, low and high.</summary>
    public double Clipped => ClippedLow + ClippedHigh;
}

/// <summary>What an update's losses are divided by when it is computed in several pieces: completions and counted tokens of all of them.</summary>
/// <param name="Completions">All completions, masked ones included.</param>
/// <param name="Tokens">All tokens that count.</param>
public readonly record struct PolicyLossTotals(double Completions, double Tokens);
