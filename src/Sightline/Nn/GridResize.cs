using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>How <see cref="GridResize"/> weighs neighbours.</summary>
public enum GridFilter
{
    /// <summary>Two neighbours an axis.</summary>
    Bilinear,

    /// <summary>Four neighbours an axis: Keys' cubic convolution with a = -0.75.</summary>
    Bicubic,
}

/// <summary>
/// Resizes channels-last maps as <c>torch.nn.functional.interpolate(align_corners=False)</c> does with a given size: centres at
/// (i + 0.5) · in / out - 0.5, neighbours beyond the edge are the edge, no antialiasing. Separable, as two matrix
/// products, so that it is differentiable by composition.
/// </summary>
public static class GridResize
{
    /// <summary>x [B, H, W, C] to [B, height, width, C].</summary>
    public static Tensor Forward(Tensor x, int height, int width, GridFilter filter)
    {
        if (x.Shape.Rank != 4 || height < 1 || width < 1) throw new ShapeException($"GridResize: {x} to {height} x {width}");
        var (B, H, W, C) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
        var y = x;
        if (height != H) y = Op.MatMul(Matrix(H, height, filter, x.Engine), Op.Reshape(y, B, H, W * C));            // [B, h, W·C]
        if (width != W) y = Op.MatMul(Matrix(W, width, filter, x.Engine), Op.Reshape(y, B * height, W, C));         // [B·h, w, C]
        return Op.Reshape(y, B, height, width, C);
    }

    /// <summary>[to, from]: row i holds the weights of the inputs of output i.</summary>
    private static Tensor Matrix(int from, int to, GridFilter filter, Engine engine)
    {
        var weights = new float[to * from];
        Span<double> taps = stackalloc double[4];
        for (var i = 0; i < to; i++)
        {
            var centre = ((i + 0.5) * from / to) - 0.5;
            if (filter == GridFilter.Bilinear) centre = Math.Max(centre, 0);
            var first = (int)Math.Floor(centre);
            var count = Taps(centre - first, filter, taps, ref first);
            for (var t = 0; t < count; t++) weights[(i * from) + Math.Clamp(first + t, 0, from - 1)] += (float)taps[t];
        }

        return Tensor.From(weights, [to, from], engine);
    }

    private static int Taps(double t, GridFilter filter, Span<double> taps, ref int first)
    {
        if (filter == GridFilter.Bilinear)
        {
            (taps[0], taps[1]) = (1 - t, t);
            return 2;
        }

        first--;
        (taps[0], taps[1], taps[2], taps[3]) = (Outer(1 + t), Inner(t), Inner(1 - t), Outer(2 - t));
        return 4;
    }

    private const double A = -0.75;

    /// <summary>Keys 1981: |x| up to 1.</summary>
    private static double Inner(double x) => ((((A + 2) * x) - (A + 3)) * x * x) + 1;

    /// <summary>Keys 1981: |x| from 1 to 2.</summary>
    private static double Outer(double x) => (((((A * x) - (5 * A)) * x) + (8 * A)) * x) - (4 * A);
}
