namespace Sightline.Training.Runs;

/// <summary>
/// Who gives sample k of several sources in fixed proportions: a fixed cycle in which each next sample goes to the source that is furthest behind its share, so
/// proportions hold exactly and sample k is found without counting from the start.
/// </summary>
internal sealed class MixtureCycle
{
    private const int Cycle = 1000;
    private readonly byte[] _turn = new byte[Cycle];
    private readonly int[] _before = new int[Cycle];
    private readonly int[] _perCycle;

    /// <summary>Positive weights of 1 to 255 sources.</summary>
    public MixtureCycle(IReadOnlyList<double> weights)
    {
        if (weights.Count is 0 or > 255) throw new ArgumentException($"a mixture takes 1 to 255 sources, got {weights.Count}");
        _perCycle = new int[weights.Count];
        var total = weights.Sum();
        for (var k = 0; k < Cycle; k++)
        {
            var next = 0;
            for (var s = 1; s < weights.Count; s++)
            {
                if (Lag(s, k) > Lag(next, k)) next = s;
            }

            _turn[k] = (byte)next;
            _before[k] = _perCycle[next]++;
        }

        double Lag(int s, int k) => (weights[s] / total * (k + 1)) - _perCycle[s];
    }

    /// <summary>The source of sample k, and the number of the sample there.</summary>
    public (int Source, long Index) At(long k)
    {
        var (cycle, at) = Math.DivRem(k, Cycle);
        var source = _turn[at];
        return (source, (cycle * _perCycle[source]) + _before[at]);
    }
}
