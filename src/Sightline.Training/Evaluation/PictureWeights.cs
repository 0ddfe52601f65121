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
        var random = new RandomStream(options.Seed);
        for (var b = 0; b < options.Samples; b++)
        {
            var stream = random.Fork((ulong)b);
            var row = weights._weights.AsSpan(b * pictures, pictures);
            for (var i = 0; i < pictures; i++)
            {
                ref var weight = ref row[stream.NextInt(pictures)];
                if (weight < byte.MaxValue) weight++; // a picture drawn 256 times does not happen
            }
        }

        return weights;
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
        var random = new RandomStream(options.Seed).Fork("exchange");
        for (var b = 0; b < options.Samples; b++)
        {
            var stream = random.Fork((ulong)b);
            var row = weights._weights.AsSpan(b * 2 * pictures, 2 * pictures);
            for (var i = 0; i < pictures; i++) row[stream.NextBool() ? i + pictures : i] = 1;
        }

        return weights;
    }

    /// <summary>1 where the other has 0.</summary>
    public PictureWeights Complement()
    {
        var other = new PictureWeights(Sets, _width);
        for (var i = 0; i < _weights.Length; i++) other._weights[i] = (byte)(1 - _weights[i]);
        return other;
    }
}
