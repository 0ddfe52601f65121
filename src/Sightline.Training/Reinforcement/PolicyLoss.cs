namespace Sightline.Training.Reinforcement;

/// <summary>
/// The losses of group-relative policy optimisation as a pure function of ln-probabilities, with the derivative in closed form; everything in float64. Equal
/// to the loss of TRL's <c>GRPOTrainer</c> 1.10, and so to those of Visual-RFT (GRPO, ratios of 1) and VLM-R1 (GRPO, clipped). The penalty is the
/// estimator k3 = e^d - d - 1 with d = ln π_ref - ln π (Schulman 2020, "Approximating KL divergence").
/// <para>Where this departs from TRL: the penalty is a straight line beyond <see cref="PolicyLossOptions.KlLimit"/>, and LUSPO's penalty is summed over the
/// tokens of a completion instead of being averaged over padding.</para>
/// </summary>
public static class PolicyLoss
{
    private const double VespoMost = 20;
    private static readonly double s_vespoLeast = Math.Log(1e-8);

    /// <summary>The loss of some completions, of any number of prompts.</summary>
    /// <param name="completions">At least one.</param>
    /// <param name="options">Which loss.</param>
    /// <param name="totals">
    /// Those of the whole update when these completions are a part of it: the losses and gradients of all parts then add up to those of the whole. Null: these
    /// completions are all.
    /// </param>
    /// <exception cref="ArgumentException">Lengths differ, or a reference is needed and missing.</exception>
    /// <exception cref="SightlineException">Usage: settings that cannot be meant.</exception>
    public static PolicyLossResult Compute(IReadOnlyList<ScoredCompletion> completions, PolicyLossOptions options, PolicyLossTotals? totals = null)
    {
        ArgumentNullException.ThrowIfNull(completions);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        Check(completions, options);
        var divisors = totals ?? TotalsOf(completions);
        var gradient = new float[completions.Sum(completion => completion.Policy.Length)];
        var sums = new PolicyLossSums();
        var (loss, at) = (0.0, 0);
        foreach (var completion in completions)
        {
            var n = completion.Policy.Length;
            if (completion.Counts && n > 0) loss += One(completion, options, Factor(options, n, divisors), gradient.AsSpan(at, n), sums);
            else sums.Skip();
            at += n;
        }

        return new PolicyLossResult(loss, gradient, sums.Metrics(options));
    }

    /// <summary>What these completions contribute to the totals of an update.</summary>
    public static PolicyLossTotals TotalsOf(IEnumerable<ScoredCompletion> completions)
    {
        ArgumentNullException.ThrowIfNull(completions);
        var (count, tokens) = (0, 0);
        foreach (var completion in completions)
        {
            count++;
            if (completion.Counts) tokens += completion.Policy.Length;
        }

        return new PolicyLossTotals(count, tokens);
    }

    /// <summary>What the sum of a completion's token losses is multiplied by.</summary>
    private static double Factor(PolicyLossOptions options, int n, PolicyLossTotals totals) => options.Kind switch
    {
        PolicyLossKind.Grpo or PolicyLossKind.Gspo or PolicyLossKind.Sapo => 1 / (n * totals.Completions),
        PolicyLossKind.DrGrpo => 1 / (totals.Completions * options.LongestCompletion),
        PolicyLossKind.Luspo => 1 / totals.Completions,
        _ => 1 / Math.Max(1, totals.Tokens),
    };

    /// <summary>A completion's part of the loss; adds its part of the derivative.</summary>
    private static double One(ScoredCompletion completion, PolicyLossOptions options, double factor, Span<float> gradient, PolicyLossSums sums)
    {
        var n = gradient.Length;
        var policy = completion.Policy;
        Span<double> drift = n <= 1024 ? stackalloc double[n] : new double[n]; // ln π - ln π_old
        var mean = 0.0;
        for (var t = 0; t < n; t++)
        {
            drift[t] = completion.Old is { } old ? (double)policy[t] - old[t] : 0;
            mean += drift[t] / n;
        }

        sums.Begin(drift);
        var isKept = options.OffPolicyLimit is not { } limit || completion.Advantage >= 0 || -mean <= limit;
        if (!isKept) sums.OffPolicy++;
        var isWhole = options.Kind is PolicyLossKind.Gspo or PolicyLossKind.Luspo;
        var weight = options.Kind == PolicyLossKind.Vespo ? VespoWeight(drift, completion.Advantage, options) : 0;
        sums.Weight += weight;
        var (loss, shared) = (0.0, 0.0); // shared: derivative by the completion's ratio, which all tokens carry alike
        for (var t = 0; t < n; t++)
        {
            var ratio = Math.Exp(isWhole ? mean : drift[t]);
            var (term, slope) = options.Kind switch
            {
                PolicyLossKind.Cispo => Weighted(Math.Min(ratio, options.EpsilonHigh), completion.Advantage, policy[t]),
                PolicyLossKind.Vespo => Weighted(weight, completion.Advantage, policy[t]),
                PolicyLossKind.Sapo => Gated(ratio, completion.Advantage, options),
                _ => Clipped(ratio, completion.Advantage, options),
            };
            sums.Count(ratio, completion.Advantage, options);
            var (token, own) = isKept ? (-term, -slope) : (0, 0);
            if (isWhole) (shared, own) = (shared + own, 0);
            if (options.Beta > 0)
            {
                var (kl, klSlope) = Penalty(completion.Reference![t] - (double)policy[t], options.KlLimit);
                if (options.BiasCorrectedKl)
                {
                    (kl, klSlope) = (kl * ratio, klSlope * ratio);
                    if (isWhole) shared += options.Beta * kl;
                    else klSlope += kl;
                }

                sums.Kl += kl;
                (token, own) = (token + (options.Beta * kl), own + (options.Beta * klSlope));
            }

            loss += token;
            gradient[t] = (float)(own * factor);
        }

        if (isWhole)
        {
            for (var t = 0; t < n; t++) gradient[t] += (float)(shared / n * factor);
        }

        sums.End(n);
        return loss * factor;
    }

    /// <summary>min(r A, clip(r) A) and its derivative by ln π (or by ln s).</summary>
    private static (double Term, double Slope) Clipped(double ratio, double advantage, PolicyLossOptions options)
    {
        var first = Math.Min(ratio, options.Delta ?? double.PositiveInfinity);
        var second = Math.Clamp(ratio, 1 - options.EpsilonLow, 1 + options.EpsilonHigh);
        var (chosen, isFree) = first * advantage <= second * advantage ? (first, first == ratio) : (second, second == ratio);
        return (chosen * advantage, isFree ? ratio * advantage : 0);
    }

    private static (double Term, double Slope) Weighted(double weight, double advantage, double policy) => (weight * advantage * policy, weight * advantage);

    private static (double Term, double Slope) Gated(double ratio, double advantage, PolicyLossOptions options)
    {
        var temperature = advantage > 0 ? options.SapoPositiveTemperature : options.SapoNegativeTemperature;
        var gate = 1 / (1 + Math.Exp(-temperature * (ratio - 1)));
        return (4 * gate / temperature * advantage, 4 * gate * (1 - gate) * ratio * advantage);
    }

    /// <summary>φ(w) = e^λ w^k e^(-λ w) of the completion's ratio w = Π r, in logarithms; φ(1) = 1.</summary>
    private static double VespoWeight(ReadOnlySpan<double> drift, double advantage, PolicyLossOptions options)
    {
        var sum = 0.0;
        foreach (var one in drift) sum += Math.Clamp(one, -VespoMost, VespoMost);
        var (shape, rate) = advantage >= 0 ? options.VespoPositive : options.VespoNegative;
        var log = Math.Clamp(sum, s_vespoLeast, VespoMost);
        rate = Math.Max(rate, 1e-4);
        return Math.Exp(rate + (shape * log) - (rate * Math.Exp(log)));
    }

    /// <summary>k3 and its derivative by ln π for d = ln π_ref - ln π.</summary>
    private static (double Value, double Slope) Penalty(double d, double limit)
    {
        var bounded = Math.Min(d, limit);
        var power = Math.Exp(bounded);
        return (power - bounded - 1 + ((power - 1) * (d - bounded)), 1 - power);
    }

    private static void Check(IReadOnlyList<ScoredCompletion> completions, PolicyLossOptions options)
    {
        if (completions.Count == 0) throw new ArgumentException("PolicyLoss: needs at least one completion", nameof(completions));
        for (var i = 0; i < completions.Count; i++)
        {
            var (n, old, reference) = (completions[i].Policy.Length, completions[i].Old?.Length, completions[i].Reference?.Length);
            if ((old ?? n) != n || (reference ?? n) != n)
                throw new ArgumentException($"PolicyLoss: completion {i} has {n} tokens, {old} old and {reference} reference ln-probabilities", nameof(completions));
            if (options.Beta > 0 && reference is null)
                throw new ArgumentException($"PolicyLoss: completion {i} has no reference ln-probabilities, which the KL penalty needs", nameof(completions));
        }
    }
}
