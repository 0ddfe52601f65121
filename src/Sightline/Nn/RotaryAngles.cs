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
    /// <exception cref="ShapeException">The sections do not add up to D / 2.</exception>
    public static RotaryAngles Of(ReadOnlySpan<long> positions, ReadOnlySpan<int> sections, int headSize, double theta)
    {
        var half = headSize / 2;
        var sum = 0;
        foreach (var section in sections) sum += section;
        if (sum != half || headSize % 2 != 0 || positions.Length % sections.Length != 0)
            throw new ShapeException($"RotaryAngles: sections [{string.Join(", ", sections.ToArray())}] do not fit heads of {headSize} channels and {positions.Length} positions");
        var tokens = positions.Length / sections.Length;
        var cos = new float[tokens * half];
        var sin = new float[tokens * half];
        for (int axis = 0, i = 0; axis < sections.Length; axis++)
        {
            for (var end = i + sections[axis]; i < end; i++)
            {
                var frequency = Math.Pow(theta, -2.0 * i / headSize);
                for (var t = 0; t < tokens; t++)
                {
                    var (s, c) = Math.SinCos(positions[(axis * tokens) + t] * frequency);
                    (cos[(t * half) + i], sin[(t * half) + i]) = ((float)c, (float)s);
                }
            }
        }

        return new RotaryAngles(Tensor.From(cos, [1, tokens, half]), Tensor.From(sin, [1, tokens, half]));
    }

    /// <summary>Turns the heads of each token: [T, H, D] to the same shape.</summary>
    public Tensor Rotate(Tensor x)
    {
        var rotated = Op.Rope(Op.Reshape(x, 1, x.Shape[0], x.Shape[1], x.Shape[2]), _cos, _sin, headsFirst: false);
        return Op.Reshape(rotated, x.Shape.ToArray());
    }
}
