namespace Sightline.Imaging;

/// <summary>The order of a model's input samples.</summary>
public enum PlaneOrder
{
    /// <summary>[channel, height, width], as PyTorch models take it.</summary>
    Planar,

    /// <summary>[height, width, channel].</summary>
    Interleaved,
}

/// <summary>
/// How 8-bit levels become the floats of a model: value = (level / 255 - mean) / std a channel, in the order red, green,
/// blue. All work is 768 table entries made once with the reference's own rounding (Hugging Face's
/// <c>image_processing</c> in NumPy: float32(level x (1/255) in double), then subtract and divide in float32), so results
/// are equal to the last bit and cost one look-up a sample.
/// </summary>
public sealed class PixelNormalization
{
    private readonly float[] _levels = new float[3 * 256]; // [channel, level]

    /// <summary>Mean and standard deviation of red, green and blue in 0..1.</summary>
    /// <exception cref="ArgumentException">Not three values each, or a deviation that is not positive.</exception>
    public PixelNormalization(ReadOnlySpan<float> mean, ReadOnlySpan<float> std)
    {
        if (mean.Length != 3 || std.Length != 3) throw new ArgumentException($"mean and std need 3 values each, got {mean.Length} and {std.Length}");
        (Mean, Std) = (mean.ToArray(), std.ToArray());
        for (var c = 0; c < 3; c++)
        {
            if (!(std[c] > 0)) throw new ArgumentException($"a standard deviation must be positive, got {std[c]} for channel {c}");
            for (var level = 0; level < 256; level++) _levels[(c * 256) + level] = ((float)(level * (1.0 / 255)) - mean[c]) / std[c];
        }
    }

    /// <summary>OpenAI CLIP and Qwen2-VL.</summary>
    public static PixelNormalization Clip { get; } = new([0.48145466f, 0.4578275f, 0.40821073f], [0.26862954f, 0.26130258f, 0.27577711f]);

    /// <summary>-1..1: SigLIP and the ViT folders of Google.</summary>
    public static PixelNormalization Half { get; } = new([0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]);

    /// <summary>0..1.</summary>
    public static PixelNormalization None { get; } = new([0, 0, 0], [1, 1, 1]);

    /// <summary>Means of red, green, blue.</summary>
    public IReadOnlyList<float> Mean { get; }

    /// <summary>Standard deviations of red, green, blue.</summary>
    public IReadOnlyList<float> Std { get; }

    /// <summary>The value of a level in a channel (0 red, 1 green, 2 blue).</summary>
    public float this[int channel, byte level] => _levels[(channel * 256) + level];

    /// <summary>The values of all 256 levels of a channel.</summary>
    internal ReadOnlySpan<float> Levels(int channel) => _levels.AsSpan(channel * 256, 256);

    /// <summary>Writes the normalised picture, 3 x height x width floats in the given order, no allocation.</summary>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public void Write(Picture picture, Span<float> destination, PlaneOrder order = PlaneOrder.Planar)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var pixels = picture.Pixels;
        if (destination.Length < pixels.Length)
            throw new ArgumentException($"{picture.Width} x {picture.Height} pixels need {pixels.Length} floats, the destination has {destination.Length}");
        ReadOnlySpan<float> red = _levels.AsSpan(0, 256), green = _levels.AsSpan(256, 256), blue = _levels.AsSpan(512, 256);
        if (order == PlaneOrder.Interleaved)
        {
            for (var i = 0; i + 2 < pixels.Length; i += 3)
                (destination[i], destination[i + 1], destination[i + 2]) = (red[pixels[i]], green[pixels[i + 1]], blue[pixels[i + 2]]);
            return;
        }

        var plane = pixels.Length / 3;
        Span<float> r = destination[..plane], g = destination.Slice(plane, plane), b = destination.Slice(2 * plane, plane);
        for (int i = 0, at = 0; i < plane; i++, at += 3)
            (r[i], g[i], b[i]) = (red[pixels[at]], green[pixels[at + 1]], blue[pixels[at + 2]]);
    }

    /// <summary>
    /// The picture that normalised planes came from, rounded to the nearest level: for looking at what a model saw.
    /// </summary>
    public Picture Restore(ReadOnlySpan<float> planes, int width, int height)
    {
        var plane = checked(width * height);
        if (planes.Length < 3 * plane) throw new ArgumentException($"{width} x {height} pixels need {3 * plane} floats, got {planes.Length}");
        var rgb = new byte[3 * plane];
        for (var c = 0; c < 3; c++)
        {
            for (var i = 0; i < plane; i++)
                rgb[(3 * i) + c] = (byte)Math.Clamp(MathF.Round(((planes[(c * plane) + i] * Std[c]) + Mean[c]) * 255), 0, 255);
        }

        return new Picture(width, height, rgb);
    }
}
