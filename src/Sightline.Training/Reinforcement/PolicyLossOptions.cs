namespace Sightline.Training.Reinforcement;

/// <summary>Settings of <see cref="PolicyLoss"/>; the defaults are those of Visual-RFT's trainer with PPO's usual clipping.</summary>
public sealed record PolicyLossOptions
{
    /// <summary>Which loss.</summary>
    public PolicyLossKind Kind { get; init; } = PolicyLossKind.Grpo;

    /// <summary>Ratios below 1 - this get no gradient where the advantage is negative.</summary>
    public double EpsilonLow { get; init; } = 0.2;

    /// <summary>Ratios above 1 + this get no gradient where the advantage is positive. For CISPO the largest weight itself.</summary>
    public double EpsilonHigh { get; init; } = 0.2;

    /// <summary>The second side of two-sided clipping: the largest ratio where the advantage is negative (INTELLECT-2, 2025); null: none.</summary>
    public double? Delta { get; init; }

    /// <summary>Weight of the KL penalty to the reference; 0 needs no reference.</summary>
    public double Beta { get; init; } = 0.04;

    /// <summary>
    /// The largest ln(π_ref / π) that enters the penalty's exponential; beyond it the penalty goes on in a straight line, so that one token cannot outweigh
    /// a batch and still is pulled back.
    /// </summary>
    public double KlLimit { get; init; } = 10;

    /// <summary>Weight each token's penalty with its ratio (DeepSeek-V3.2).</summary>
    public bool BiasCorrectedKl { get; init; }

    /// <summary>For <see cref="PolicyLossKind.DrGrpo"/>: the most tokens of a completion.</summary>
    public int LongestCompletion { get; init; } = 256;

    /// <summary>Completions with a negative advantage and a mean ln(π_old / π) above this are left out (DeepSeek-V3.2); null: none.</summary>
    public double? OffPolicyLimit { get; init; }

    /// <summary>τ of <see cref="PolicyLossKind.Sapo"/> for positive advantages.</summary>
    public double SapoPositiveTemperature { get; init; } = 1;

    /// <summary>τ of <see cref="PolicyLossKind.Sapo"/> for other advantages.</summary>
    public double SapoNegativeTemperature { get; init; } = 1.05;

    /// <summary>Shape k and rate λ of <see cref="PolicyLossKind.Vespo"/> for advantages from 0.</summary>
    public (double Shape, double Rate) VespoPositive { get; init; } = (2, 3);

    /// <summary>Shape k and rate λ of <see cref="PolicyLossKind.Vespo"/> for negative advantages.</summary>
    public (double Shape, double Rate) VespoNegative { get; init; } = (3, 2);

    /// <summary>The kind with a name as recipes and TRL write it: <c>grpo</c>, <c>dr_grpo</c>, <c>bnpo</c>, <c>dapo</c>, <c>cispo</c>, <c>gspo</c>, <c>sapo</c>, <c>vespo</c>, <c>luspo</c>.</summary>
    /// <exception cref="SightlineException">Usage: there is none.</exception>
    public static PolicyLossKind ParseKind(string name) => name switch
    {
        "grpo" => PolicyLossKind.Grpo,
        "dr_grpo" => PolicyLossKind.DrGrpo,
        "bnpo" => PolicyLossKind.Bnpo,
        "dapo" => PolicyLossKind.Dapo,
        "cispo" => PolicyLossKind.Cispo,
        "gspo" => PolicyLossKind.Gspo,
        "sapo" => PolicyLossKind.Sapo,
        "vespo" => PolicyLossKind.Vespo,
        "luspo" => PolicyLossKind.Luspo,
        _ => throw new SightlineException(ErrorKind.Usage, $"the loss '{name}' is not known: known are grpo, dr_grpo, bnpo, dapo, cispo, gspo, sapo, vespo and luspo"),
    };

    /// <summary>Refuses settings that cannot be meant.</summary>
    /// <exception cref="SightlineException">Usage.</exception>
    public void Check()
    {
        Require(EpsilonLow is >= 0 and <= 1, $"epsilon_low must be from 0 to 1, not {EpsilonLow}");
        Require(EpsilonHigh >= 0, $"epsilon_high must not be negative, as {EpsilonHigh} is");
        Require(Delta is null or > 1, $"delta must be above 1, not {Delta}");
        Require(Beta >= 0 && double.IsFinite(Beta), $"beta must not be negative, as {Beta} is");
        Require(KlLimit > 0, $"the KL limit must be above 0, not {KlLimit}");
        Require(LongestCompletion > 0, $"the longest completion must have at least a token, not {LongestCompletion}");
        Require(SapoPositiveTemperature > 0 && SapoNegativeTemperature > 0, "SAPO's temperatures must be above 0");
    }

    private static void Require(bool holds, string problem)
    {
        if (!holds) throw new SightlineException(ErrorKind.Usage, $"the policy loss cannot be computed: {problem}");
    }
}
