namespace Sightline.Verification;

/// <summary>How far a number may be from the reference: <see cref="Absolute"/> + <see cref="Relative"/> |reference|, and how far all of them on average.</summary>
/// <param name="Absolute">Whatever the size of the number.</param>
/// <param name="Relative">Times the size of the reference.</param>
/// <param name="Mean">Most mean difference; infinite: any.</param>
public readonly record struct Tolerance(double Absolute, double Relative = 0, double Mean = double.PositiveInfinity)
{
    /// <summary>No difference: ids and positions.</summary>
    public static Tolerance Exact => new(0);

    /// <summary>
    /// What a float32 run of the same weights may differ by, for a tensor of a reference folder. Six to ten times what the reference's own float32 run
    /// differs from its float64 run (tests/fixtures/qwen/model_goldens/README.md); runs in bfloat16 are far less exact. Rounding adds up along the
    /// layers: from the ninth on, the limit of a layer's states grows by an eighth for each. At the shape of Qwen2-VL-2B (28 layers) the states
    /// of the last layer were seen to differ by 1.5e-4, after the final norm by 4e-5, scores by 4e-5.
    /// </summary>
    public static Tolerance For(string tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.StartsWith("logits_bf16", StringComparison.Ordinal)) return new Tolerance(0.5, Mean: 0.05);
        if (tensor.StartsWith("logits", StringComparison.Ordinal) || tensor.EndsWith("logprobs", StringComparison.Ordinal)) return new Tolerance(2e-4);
        return new Tolerance(1e-4, 1e-4).Times(Math.Max(1, (LayerOf(tensor) + 1) / 8.0));
    }

    /// <summary>The layer whose output a tensor is, counted from 0; 0 for other tensors.</summary>
    internal static int LayerOf(string tensor) =>
        tensor.LastIndexOf('.') is var dot && dot > 0 && int.TryParse(tensor.AsSpan(dot + 1), out var layer) ? layer : 0;

    /// <summary>All limits times a factor.</summary>
    public Tolerance Times(double factor) => new(Absolute * factor, Relative * factor, Mean * factor);

    /// <summary>As in the report: <c>1e-04 + 1e-04 |x|</c>.</summary>
    public override string ToString()
    {
        if (this == Exact) return "equal";
        var text = FormattableString.Invariant($"{Absolute:0.#e-00}");
        if (Relative > 0) text += FormattableString.Invariant($" + {Relative:0.#e-00} |x|");
        if (double.IsFinite(Mean)) text += FormattableString.Invariant($", mean {Mean:0.#e-00}");
        return text;
    }
}
