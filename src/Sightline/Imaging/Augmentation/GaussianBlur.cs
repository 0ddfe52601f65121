using System.Buffers;
using Sightline.Imaging.Resampling;

namespace Sightline.Imaging.Augmentation;

/// <summary>Separable Gaussian blur, edges repeated, in place; weights in the fixed point of the resize.</summary>
internal static class GaussianBlur
{
    public static void Apply(Picture picture, double sigma)
    {
        var radius = (int)Math.Ceiling(2.5 * sigma);
        if (radius < 1) return;
        var weights = Weights(sigma, radius);
        var (width, height) = (picture.Width * 3, picture.Height);
        var padded = ArrayPool<byte>.Shared.Rent((height + (2 * radius)) * width);
        var row = ArrayPool<byte>.Shared.Rent(width + (6 * radius));
        try
        {
            for (var y = 0; y < height; y++)
            {
                // the horizontal pass is the vertical one with a step of one pixel (3 bytes)
                var source = picture.Pixels.Slice(y * width, width);
                for (var i = 0; i < 3 * radius; i++) (row[i], row[width + (3 * radius) + i]) = (source[i % 3], source[width - 3 + (i % 3)]);
                source.CopyTo(row.AsSpan(3 * radius));
                ResampleKernels.Vertical(row.AsSpan(0, width + (6 * radius)), 3, weights, padded.AsSpan((y + radius) * width, width));
            }

            for (var i = 0; i < radius; i++)
            {
                padded.AsSpan(radius * width, width).CopyTo(padded.AsSpan(i * width));
                padded.AsSpan((height + radius - 1) * width, width).CopyTo(padded.AsSpan((height + radius + i) * width));
            }

            for (var y = 0; y < height; y++) ResampleKernels.Vertical(padded.AsSpan(y * width), width, weights, picture.Writable.Slice(y * width, width));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(padded);
            ArrayPool<byte>.Shared.Return(row);
        }
    }

    private static int[] Weights(double sigma, int radius)
    {
        var raw = new double[(2 * radius) + 1];
        for (var i = 0; i < raw.Length; i++) raw[i] = Math.Exp(-0.5 * (i - radius) * (i - radius) / (sigma * sigma));
        var sum = raw.Sum();
        var weights = Array.ConvertAll(raw, w => (int)Math.Round(w / sum * (1 << ResampleWeights.Bits)));
        weights[radius] += (1 << ResampleWeights.Bits) - weights.Sum(); // a flat picture stays as it is
        return weights;
    }
}
