namespace Sightline.Verification;

/// <summary>The outcome of <see cref="ModelVerifier"/>.</summary>
/// <param name="Differences">Everything that was compared, in the order in which a model computes it, case by case.</param>
public sealed record VerificationReport(IReadOnlyList<TensorDifference> Differences)
{
    /// <summary>Whether everything is within its tolerance, and something was compared.</summary>
    public bool Passed => Differences.Count > 0 && FirstOff is null;

    /// <summary>The first comparison that is off; what follows it in its case is usually its consequence.</summary>
    public TensorDifference? FirstOff => Differences.FirstOrDefault(difference => !difference.Passed);

    /// <summary>For each tensor the worst of all cases: one that is off if there is one, else the largest difference.</summary>
    public IReadOnlyList<TensorDifference> Worst()
    {
        var order = new List<string>();
        var worst = new Dictionary<string, TensorDifference>(StringComparer.Ordinal);
        foreach (var difference in Differences)
        {
            if (worst.TryAdd(difference.Tensor, difference)) order.Add(difference.Tensor);
            else if (IsWorse(difference, worst[difference.Tensor])) worst[difference.Tensor] = difference;
        }

        // cases hold different tensors: names that came late belong where the model computes them
        return [.. order.OrderBy(Stage).Select(name => worst[name])];
    }

    private static bool IsWorse(TensorDifference a, TensorDifference b) =>
        a.Passed != b.Passed ? !a.Passed : double.IsNaN(a.Largest) || a.Largest > b.Largest;

    /// <summary>Prompt, tower (layer by layer), language model (layer by layer), what follows from it. Sorting is stable within.</summary>
    private static (int, int) Stage(string tensor)
    {
        var stage = tensor switch
        {
            "vision.patch_embed" => 1,
            _ when tensor.StartsWith("vision.block.", StringComparison.Ordinal) => 2,
            _ when tensor.StartsWith("vision.deepstack.", StringComparison.Ordinal) => 3,
            "vision.last_hidden_state" => 4,
            "vision.image_embeds" => 5,
            "text.inputs_embeds" => 6,
            _ when tensor.StartsWith("text.layer.", StringComparison.Ordinal) => 7,
            "last_hidden_state" => 8,
            _ when tensor.StartsWith("logits", StringComparison.Ordinal) => 9,
            _ when tensor.StartsWith("completion.", StringComparison.Ordinal) => 10,
            _ when tensor.StartsWith("generate.", StringComparison.Ordinal) => 11,
            _ => 0,
        };
        return (stage, Tolerance.LayerOf(tensor));
    }
}
