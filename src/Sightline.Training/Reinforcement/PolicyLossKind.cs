namespace Sightline.Training.Reinforcement;

/// <summary>
/// How probability ratios become a loss, and what it is divided by. N: completions of the update, n: tokens of a completion, A: its advantage, r: π/π_old
/// of a token, s: their geometric mean over the completion.
/// </summary>
public enum PolicyLossKind
{
    /// <summary>min(r A, clip(r) A), the mean over each completion's tokens, then over completions (Shao et al. 2024, DeepSeekMath, eq. 3).</summary>
    Grpo,

    /// <summary>As GRPO, summed over all tokens and divided by N times the longest completion allowed (Liu et al. 2025, "Understanding R1-Zero-like training").</summary>
    DrGrpo,

    /// <summary>As GRPO, summed over all tokens and divided by those of the batch.</summary>
    Bnpo,

    /// <summary>As BNPO, divided by the tokens of the whole update, however it was cut into pieces (Yu et al. 2025, DAPO).</summary>
    Dapo,

    /// <summary>-min(r, cap) A ln π with the weight held fixed, so that every token has a gradient; divided as DAPO (MiniMax-M1, 2025). The cap is <see cref="PolicyLossOptions.EpsilonHigh"/>.</summary>
    Cispo,

    /// <summary>As GRPO with s in place of r (Zheng et al. 2025, GSPO).</summary>
    Gspo,

    /// <summary>4 σ(τ (r - 1)) / τ in place of the clipped ratio, divided as GRPO (Gao et al. 2025, SAPO).</summary>
    Sapo,

    /// <summary>-φ(Π r) A ln π with a gamma-shaped weight held fixed, divided as DAPO (VESPO, 2026; as TRL has it).</summary>
    Vespo,

    /// <summary>As GSPO, each completion weighted by its length: n · min(s A, clip(s) A), divided by N (LUSPO, 2026; as TRL has it).</summary>
    Luspo,
}
