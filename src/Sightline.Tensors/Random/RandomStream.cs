namespace Sightline.Tensors;

/// <summary>
/// A seeded source of randomness with a state of two words, so that it can be saved and resumed at the exact draw.
/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): the same seed gives
/// the same sequence on every machine. Not for cryptography. Not thread-safe: give every thread a <see cref="Fork(ulong)"/>.
/// </summary>
public sealed class RandomStream
{
    private const ulong Golden = 0x9E3779B97F4A7C15;
    private ulong _state;

    /// <summary>Starts the sequence of a seed.</summary>
    public RandomStream(ulong seed) => _state = Mix(seed + Golden);

    private RandomStream(ulong state, bool _) => _state = state;

    /// <summary>The whole state; give it to <see cref="FromState"/> to go on at the same draw.</summary>
    public ulong State
    {
        get => _state;
        set => _state = value;
    }

    /// <summary>Goes on from a saved <see cref="State"/>.</summary>
    public static RandomStream FromState(ulong state) => new(state, true);

    /// <summary>An independent stream that depends on this one's current state and the key; does not advance this one.</summary>
    public RandomStream Fork(ulong key) => new(Mix(Mix(_state + (key * 0xD1342543DE82EF95)) ^ key), true);

    /// <summary>As <see cref="Fork(ulong)"/>, with a name for the key.</summary>
    public RandomStream Fork(string name)
    {
        var hash = 14695981039346656037UL; // FNV-1a, stable across processes unlike string.GetHashCode
        foreach (var c in name) hash = (hash ^ c) * 1099511628211UL;
        return Fork(hash);
    }

    /// <summary>64 random bits.</summary>
    public ulong NextUInt64() => Mix(_state += Golden);

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [0, 1), 24 bits.</summary>
    public float NextSingle() => (NextUInt64() >> 40) * (1f / (1 << 24));

    /// <summary>Uniform in [low, high).</summary>
    public double NextDouble(double low, double high) => low + ((high - low) * NextDouble());

    /// <summary>Uniform integer in [0, bound); bound must be positive. Lemire's multiply-shift with rejection: no bias.</summary>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        var product = (NextUInt64() >> 32) * (ulong)bound;
        var low = (uint)product;
        if (low < (uint)bound)
        {
            var threshold = (uint)(-(uint)bound) % (uint)bound;
            while (low < threshold)
            {
                product = (NextUInt64() >> 32) * (ulong)bound;
                low = (uint)product;
            }
        }

        return (int)(product >> 32);
    }

    /// <summary>Uniform integer in [low, high).</summary>
    public int NextInt(int low, int high) => low + NextInt(high - low);

    /// <summary>True with the given probability.</summary>
    public bool NextBool(double probability = 0.5) => NextDouble() < probability;

    /// <summary>Standard normal (Box–Muller, one of the pair, so that the state stays one word).</summary>
    public double NextNormal()
    {
        var radius = Math.Sqrt(-2 * Math.Log(1 - NextDouble()));
        return radius * Math.Cos(2 * Math.PI * NextDouble());
    }

    /// <summary>One of the items, uniformly.</summary>
    public T Choose<T>(IReadOnlyList<T> items) => items[NextInt(items.Count)];

    /// <summary>Fisher–Yates, in place.</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
