namespace Sightline.Imaging.Resampling;

/// <summary>
/// For each output position of one axis: the first input position, the number of inputs, and their weights. Computed in
/// double as Pillow's <c>precompute_coeffs</c> does (libImaging/Resample.c), then rounded to fixed point with 22 bits
/// after the point.
/// </summary>
internal sealed class ResampleWeights
{
    /// <summary>Fixed-point bits: 32 less 8 of the sample less 2 of headroom for negative lobes.</summary>
    public const int Bits = 22;

    private ResampleWeights(int[] first, int[] count, int[] weights, int stride) =>
        (First, Count, Weights, Stride) = (first, count, weights, stride);

    /// <summary>First input position of each output, [output].</summary>
    public int[] First { get; }

    /// <summary>Number of inputs of each output, [output].</summary>
    public int[] Count { get; }

    /// <summary>Fixed-point weights, [output, Stride], zero beyond Count.</summary>
    public int[] Weights { get; }

    /// <summary>Weights reserved for each output.</summary>
    public int Stride { get; }

    /// <summary>The half width of a filter at scale 1.</summary>
    public static double Support(ResizeFilter filter) => filter switch
    {
        ResizeFilter.Box => 0.5,
        ResizeFilter.Bilinear or ResizeFilter.Hamming => 1,
        ResizeFilter.Bicubic => 2,
        ResizeFilter.Lanczos => 3,
        _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "has no support"),
    };

    /// <summary>Weights that take [from, to) of an axis of inputSize to outputSize positions.</summary>
    public static ResampleWeights Create(int inputSize, double from, double to, int outputSize, ResizeFilter filter)
    {
        // the reference keeps the box in single precision and subtracts there
        from = (float)from;
        var scale = (double)((float)to - (float)from) / outputSize;
        var widening = Math.Max(scale, 1);
        var support = Support(filter) * widening;
        var stride = ((int)Math.Ceiling(support) * 2) + 1;
        var (first, count) = (new int[outputSize], new int[outputSize]);
        var weights = new int[checked(outputSize * stride)];
        var row = new double[stride];
        var inverse = 1.0 / widening;
        for (var i = 0; i < outputSize; i++)
        {
            var center = from + ((i + 0.5) * scale);
            var begin = Math.Max((int)(center - support + 0.5), 0);
            var end = Math.Min((int)(center + support + 0.5), inputSize);
            var sum = 0.0;
            for (var j = begin; j < end; j++)
            {
                row[j - begin] = Evaluate(filter, (j - center + 0.5) * inverse);
                sum += row[j - begin];
            }

            (first[i], count[i]) = (begin, end - begin);
            for (var j = 0; j < end - begin; j++)
            {
                var weight = sum != 0 ? row[j] / sum : row[j];
                weights[(i * stride) + j] = (int)((weight * (1 << Bits)) + (weight < 0 ? -0.5 : 0.5)); // half away from zero
            }
        }

        return new ResampleWeights(first, count, weights, stride);
    }

    private static double Evaluate(ResizeFilter filter, double x) => filter switch
    {
        ResizeFilter.Box => x is > -0.5 and <= 0.5 ? 1 : 0,
        ResizeFilter.Bilinear => Math.Max(1 - Math.Abs(x), 0),
        ResizeFilter.Hamming => HammingSinc(Math.Abs(x)),
        ResizeFilter.Bicubic => Cubic(Math.Abs(x)),
        _ => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0,
    };

    private static double HammingSinc(double x)
    {
        if (x == 0) return 1;
        if (x >= 1) return 0;
        x *= Math.PI;
        return Math.Sin(x) / x * (0.54 + (0.46 * Math.Cos(x)));
    }

    private static double Cubic(double x)
    {
        const double A = -0.5;
        if (x < 1) return ((((A + 2) * x) - (A + 3)) * x * x) + 1;
        return x < 2 ? ((((x - 5) * x) + 8) * x - 4) * A : 0;
    }

    private static double Sinc(double x)
    {
        if (x == 0) return 1;
        x *= Math.PI;
        return Math.Sin(x) / x;
    }
}
