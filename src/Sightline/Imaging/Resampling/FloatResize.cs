namespace Sightline.Imaging.Resampling;

/// <summary>How <see cref="FloatResize"/> interpolates.</summary>
public enum FloatResizeMode
{
    /// <summary>Triangle.</summary>
    Bilinear,

    /// <summary>Cubic convolution; a = -0.75 without antialiasing and -0.5 with it, as PyTorch has them.</summary>
    Bicubic,
}

/// <summary>
/// Resizing of float planes as PyTorch's <c>interpolate(align_corners=False)</c> and torchvision's <c>resize</c> of float
/// tensors do (ATen, UpSampleKernel.cpp). Without antialiasing, taps beyond the edge repeat the edge sample; with it,
/// the filter widens with the scale as in Pillow, taps beyond the edge are left out and the weights add up to one.
/// Everything is float32, as there: at large positions the rounding of the source point is seen in the result.
/// </summary>
public static class FloatResize
{
    private readonly record struct Axis(int[] Index, float[] Weight, int Taps);

    /// <summary>Resizes each plane, [channels, inHeight, inWidth] to [channels, outHeight, outWidth].</summary>
    /// <exception cref="ArgumentException">A span is too short or a size is not positive.</exception>
    public static void Resize(
        ReadOnlySpan<float> input, int channels, int inHeight, int inWidth, Span<float> output, int outHeight, int outWidth, FloatResizeMode mode, bool antialias)
    {
        if (Math.Min(Math.Min(inHeight, inWidth), Math.Min(outHeight, outWidth)) <= 0)
            throw new ArgumentException($"planes of {inWidth} x {inHeight} cannot be resized to {outWidth} x {outHeight}");
        if (input.Length < (long)channels * inHeight * inWidth || output.Length < (long)channels * outHeight * outWidth)
            throw new ArgumentException($"{channels} planes need {(long)channels * inHeight * inWidth} inputs and {(long)channels * outHeight * outWidth} outputs, got {input.Length} and {output.Length}");
        var columns = antialias ? Antialiased(inWidth, outWidth, mode) : Interpolating(inWidth, outWidth, mode);
        var rows = antialias ? Antialiased(inHeight, outHeight, mode) : Interpolating(inHeight, outHeight, mode);
        var between = new float[inHeight * outWidth];
        for (var c = 0; c < channels; c++)
        {
            var plane = input.Slice(c * inHeight * inWidth, inHeight * inWidth);
            for (var y = 0; y < inHeight; y++) Horizontal(plane.Slice(y * inWidth, inWidth), between.AsSpan(y * outWidth, outWidth), columns);
            for (var y = 0; y < outHeight; y++) Vertical(between, outWidth, output.Slice((((c * outHeight) + y) * outWidth), outWidth), rows, y);
        }
    }

    private static void Horizontal(ReadOnlySpan<float> from, Span<float> to, in Axis axis)
    {
        for (var x = 0; x < to.Length; x++)
        {
            var sum = 0f;
            for (var t = x * axis.Taps; t < (x + 1) * axis.Taps; t++) sum += from[axis.Index[t]] * axis.Weight[t];
            to[x] = sum;
        }
    }

    private static void Vertical(ReadOnlySpan<float> from, int width, Span<float> to, in Axis axis, int y)
    {
        to.Clear();
        for (var t = y * axis.Taps; t < (y + 1) * axis.Taps; t++)
        {
            var weight = axis.Weight[t];
            if (weight == 0) continue;
            var row = from.Slice(axis.Index[t] * width, width);
            for (var x = 0; x < to.Length; x++) to[x] += row[x] * weight;
        }
    }

    /// <summary>Two or four taps around the source point, clamped to the edge.</summary>
    private static Axis Interpolating(int inSize, int outSize, FloatResizeMode mode)
    {
        var taps = mode == FloatResizeMode.Bilinear ? 2 : 4;
        var axis = new Axis(new int[outSize * taps], new float[outSize * taps], taps);
        var scale = (float)inSize / outSize;
        for (var i = 0; i < outSize; i++)
        {
            var position = ((i + 0.5f) * scale) - 0.5f;
            if (mode == FloatResizeMode.Bilinear) position = Math.Max(position, 0);
            var floor = (int)MathF.Floor(position);
            var fraction = position - floor;
            for (var t = 0; t < taps; t++)
            {
                axis.Index[(i * taps) + t] = Math.Clamp(floor + t - (taps == 4 ? 1 : 0), 0, inSize - 1);
                axis.Weight[(i * taps) + t] = taps == 2 ? (t == 0 ? 1 - fraction : fraction) : Cubic(Math.Abs(t - 1 - fraction), -0.75f);
            }
        }

        return axis;
    }

    /// <summary>All inputs under the widened filter.</summary>
    private static Axis Antialiased(int inSize, int outSize, FloatResizeMode mode)
    {
        var scale = (float)inSize / outSize;
        var widening = Math.Max(scale, 1);
        var support = (mode == FloatResizeMode.Bilinear ? 1 : 2) * widening;
        var taps = ((int)MathF.Ceiling(support) * 2) + 1;
        var axis = new Axis(new int[outSize * taps], new float[outSize * taps], taps);
        var row = new float[taps];
        for (var i = 0; i < outSize; i++)
        {
            var center = (i + 0.5f) * scale;
            var begin = Math.Max((int)(center - support + 0.5f), 0);
            var end = Math.Min((int)(center + support + 0.5f), inSize);
            var sum = 0f;
            for (var j = begin; j < end; j++)
            {
                var x = Math.Abs((j - center + 0.5f) / widening);
                row[j - begin] = mode == FloatResizeMode.Bilinear ? Math.Max(1 - x, 0) : Cubic(x, -0.5f);
                sum += row[j - begin];
            }

            for (var j = begin; j < end; j++)
                (axis.Index[(i * taps) + j - begin], axis.Weight[(i * taps) + j - begin]) = (j, row[j - begin] / sum);
        }

        return axis;
    }

    private static float Cubic(float x, float a)
    {
        if (x < 1) return ((((a + 2) * x) - (a + 3)) * x * x) + 1;
        return x < 2 ? (((((x - 5) * x) + 8) * x) - 4) * a : 0;
    }
}
