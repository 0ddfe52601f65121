namespace Sightline.Training.Reinforcement;

/// <summary>Adds up <see cref="PolicyLossMetrics"/> completion by completion.</summary>
internal sealed class PolicyLossSums
{
    private int _tokens;
    private int _completions;
    private int _counted;
    private double _low;
    private double _high;
    private double _outside;
    private double _lowHere;
    private double _highHere;
    private double _outsideHere;
    private double _lowShares;
    private double _highShares;
    private double _leastLow = double.PositiveInfinity;
    private double _mostHigh;
    private double _drift;

    public double Kl { get; set; }

    public double Weight { get; set; }

    public int OffPolicy { get; set; }

    /// <summary>A completion that does not count.</summary>
    public void Skip() => _completions++;

    public void Begin(ReadOnlySpan<double> drift)
    {
        (_lowHere, _highHere, _outsideHere) = (0, 0, 0);
        foreach (var one in drift)
        {
            if (!(Math.Abs(one) <= _drift)) _drift = Math.Abs(one); // NaN is kept
        }
    }

    public void Count(double ratio, double advantage, PolicyLossOptions options)
    {
        if (options.Kind is PolicyLossKind.Sapo or PolicyLossKind.Vespo) return;
        var isCapped = options.Kind == PolicyLossKind.Cispo;
        var isLow = !isCapped && ratio < 1 - options.EpsilonLow;
        var isHigh = ratio > (isCapped ? options.EpsilonHigh : 1 + options.EpsilonHigh);
        if (isLow && advantage < 0) _lowHere++;
        if (isHigh && advantage > 0) _highHere++;
        if (isLow || isHigh) _outsideHere++;
    }

    public void End(int tokens)
    {
        _completions++;
        _counted++;
        _tokens += tokens;
        (_low, _high, _outside) = (_low + _lowHere, _high + _highHere, _outside + _outsideHere);
        (_lowShares, _highShares) = (_lowShares + (_lowHere / tokens), _highShares + (_highHere / tokens));
        _leastLow = Math.Min(_leastLow, _lowHere / tokens);
        _mostHigh = Math.Max(_mostHigh, _highHere / tokens);
    }

    public PolicyLossMetrics Metrics(PolicyLossOptions options)
    {
        var byCompletion = options.Kind is PolicyLossKind.Gspo or PolicyLossKind.Luspo;
        double tokens = Math.Max(1, _tokens);
        return new PolicyLossMetrics
        {
            Tokens = _tokens,
            Kl = Kl / tokens,
            ClippedLow = byCompletion ? _lowShares / Math.Max(1, _counted) : _low / tokens,
            ClippedHigh = byCompletion ? _highShares / Math.Max(1, _counted) : _high / tokens,
            LeastClippedLow = _counted > 0 ? _leastLow : 0,
            MostClippedHigh = _mostHigh,
            OutsideRange = _outside / tokens,
            Weight = Weight / Math.Max(1, _completions),
            OffPolicy = OffPolicy,
            LargestDrift = _drift,
        };
    }
}
