using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>
/// Rotary positions (Su et al. 2021) in the rotate-half form: channel i of a head is paired with channel i + D / 2 and the pair is
/// turned by position / theta^(2i / D). Angles are worked out in float64 once for a batch and used in every layer. A token may
/// have several positions (time, row, column: Qwen2-VL's M-RoPE, Wang et al. 2024, section 2.1), of which each
/// channel pair uses one.
/// </summary>
public sealed class RotaryAngles
{
    private readonly Tensor _cos;
    private readonly Tensor _sin;

    private RotaryAngles(Tensor cos, Tensor sin) => (_cos, _sin) = (cos, sin);

    /// <summary>float32 [1, T, D / 2].</summary>
    internal Tensor Cos => _cos;

    /// <summary>float32 [1, T, D / 2].</summary>
    internal Tensor Sin => _sin;

    /// <summary>One position a token.</summary>
    /// <param name="positions">[T].</param>
    /// <param name="headSize">Channels of a head, D, even.</param>
    /// <param name="theta">Base of the wavelengths.</param>
    public static RotaryAngles Of(ReadOnlySpan<long> positions, int headSize, double theta) => Of(positions, [headSize / 2], headSize, theta);

    /// <summary>Several positions a token.</summary>
    /// <param name="positions">[A, T], one row an axis.</param>
    /// <param name="sections">How many channel pairs use each axis, [A]; together D / 2.</param>
    /// <param name="headSize">Channels of a head, D, even.</param>
    /// <param name="theta">Base of the wavelengths.</param>
    /// <param name="interleaved">
    /// The axes take turns along the channels (Qwen3-VL: time, row, column, time, ..) until each but the first has had its share; the first one has the
    /// rest. Otherwise each axis has one run of channels.
    /// </param>
    /// <exception cref="ShapeException">The sections do not add up to D / 2.</exception>
    public static RotaryAngles Of(ReadOnlySpan<long> positions, ReadOnlySpan<int> sections, int headSize, double theta, bool interleaved = false)
    {
        var half = headSize / 2;
        var sum = 0;
        foreach (var section in sections) sum += section;
        if (sum != half || headSize % 2 != 0 || positions.Length % sections.Length != 0)
            throw new ShapeException($"RotaryAngles: sections [{string.Join(", ", sections.ToArray())}] do not fit heads of {headSize} channels and {positions.Length} positions");
        var axes = interleaved ? InTurn(sections, half) : InRuns(sections, half);
        var frequencies = new double[half];
        for (var i = 0; i < half; i++) frequencies[i] = Math.Pow(theta, -2.0 * i / headSize);
        return Make(positions, sections.Length, axes, frequencies);
    }

    /// <summary>Rows and columns of picture patches: the first half of the channel pairs turns by the row, the second by the column, with the same wavelengths.</summary>
    /// <param name="positions">[2, T]: rows, then columns.</param>
    /// <param name="headSize">Channels of a head, D, a multiple of 4.</param>
    /// <param name="theta">Base of the wavelengths.</param>
    /// <exception cref="ShapeException">D is no multiple of 4.</exception>
    public static RotaryAngles OfGrid(ReadOnlySpan<long> positions, int headSize, double theta = 10000)
    {
        if (headSize % 4 != 0) throw new ShapeException($"RotaryAngles: heads of {headSize} channels cannot be shared between rows and columns");
        var half = headSize / 2;
        var quarter = headSize / 4;
        var frequencies = new double[half];
        for (var i = 0; i < half; i++) frequencies[i] = Math.Pow(theta, -2.0 * (i % quarter) / half);
        return Make(positions, 2, InRuns([quarter, quarter], half), frequencies);
    }

    /// <summary>Turns the heads of each token: [T, H, D] to the same shape.</summary>
    public Tensor Rotate(Tensor x)
    {
        var rotated = Op.Rope(Op.Reshape(x, 1, x.Shape[0], x.Shape[1], x.Shape[2]), _cos, _sin, headsFirst: false);
        return Op.Reshape(rotated, x.Shape.ToArray());
    }

    private static RotaryAngles Make(ReadOnlySpan<long> positions, int axisCount, ReadOnlySpan<int> axes, ReadOnlySpan<double> frequencies)
    {
        var half = axes.Length;
        var tokens = positions.Length / axisCount;
        var cos = new float[tokens * half];
        var sin = new float[tokens * half];
        for (var i = 0; i < half; i++)
        {
            var row = positions.Slice(axes[i] * tokens, tokens);
            for (var t = 0; t < tokens; t++)
            {
                var (s, c) = Math.SinCos(row[t] * frequencies[i]);
                (cos[(t * half) + i], sin[(t * half) + i]) = ((float)c, (float)s);
            }
        }

        return new RotaryAngles(Tensor.From(cos, [1, tokens, half]), Tensor.From(sin, [1, tokens, half]));
    }

    private static int[] InRuns(ReadOnlySpan<int> sections, int half)
    {
        var axes = new int[half];
        for (int axis = 0, start = 0; axis < sections.Length; start += sections[axis++]) axes.AsSpan(start, sections[axis]).Fill(axis);
        return axes;
    }

    private static int[] InTurn(ReadOnlySpan<int> sections, int half)
    {
        var axes = new int[half];
        for (var axis = 1; axis < sections.Length; axis++)
        {
            for (var (i, left) = (axis, sections[axis]); left > 0 && i < half; i += sections.Length, left--) axes[i] = axis;
        }

        return axes;
    }
}
