using Sightline.Tensors;

namespace Sightline.Training.Evaluation;

/// <summary>How often each picture counts in each redrawn set. B sets, I pictures.</summary>
internal sealed class PictureWeights
{
    private readonly byte[] _weights;
    private readonly int _width;

    private PictureWeights(int sets, int width)
    {
        Sets = sets;
        _width = width;
        _weights = new byte[(long)sets * width];
    }

    public int Sets { get; }

    public ReadOnlySpan<byte> Of(int set) => _weights.AsSpan(set * _width, _width);

    /// <summary>I draws with replacement a set: weights [B, I].</summary>
    public static PictureWeights Bootstrap(int pictures, BootstrapOptions options)
    {
        var weights = new PictureWeights(options.Samples, pictures);
        for (var b = 0; b < options.Samples; b++) Draw(options.Seed, b, weights._weights.AsSpan(b * pictures, pictures));
        return weights;
    }

    /// <summary>One redrawn set: weights [I].</summary>
    public static void Draw(ulong seed, int set, Span<byte> weights)
    {
        var stream = new RandomStream(seed).Fork((ulong)set);
        weights.Clear();
        for (var i = 0; i < weights.Length; i++)
        {
            ref var weight = ref weights[stream.NextInt(weights.Length)];
            if (weight < byte.MaxValue) weight++; // a picture drawn 256 times does not happen
        }
    }

    /// <summary>All pictures once: the set itself.</summary>
    public static PictureWeights Once(int pictures, int sets = 1)
    {
        var weights = new PictureWeights(sets, pictures);
        weights._weights.AsSpan().Fill(1);
        return weights;
    }

    /// <summary>
    /// For a permutation test: in each set every picture's answers are exchanged between the runs or not, with equal
    /// chance. Weights by slot [B, 2 I] of what then is the first run; the second is <see cref="Complement"/>.
    /// </summary>
    public static PictureWeights Exchanges(int pictures, BootstrapOptions options)
    {
        var weights = new PictureWeights(options.Samples, 2 * pictures);
        for (var b = 0; b < options.Samples; b++) Exchange(options.Seed, b, weights._weights.AsSpan(b * 2 * pictures, 2 * pictures));
        return weights;
    }

    /// <summary>One exchange: weights [2 I], 1 in one half or the other.</summary>
    public static void Exchange(ulong seed, int set, Span<byte> weights)
    {
        var stream = new RandomStream(seed).Fork("exchange").Fork((ulong)set);
        var pictures = weights.Length / 2;
        weights.Clear();
        for (var i = 0; i < pictures; i++) weights[stream.NextBool() ? i + pictures : i] = 1;
    }

    /// <summary>1 where the other has 0.</summary>
    public PictureWeights Complement()
    {
        var other = new PictureWeights(Sets, _width);
        for (var i = 0; i < _weights.Length; i++) other._weights[i] = (byte)(1 - _weights[i]);
        return other;
    }
}
