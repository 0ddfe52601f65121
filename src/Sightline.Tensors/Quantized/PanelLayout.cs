namespace Sightline.Tensors.Quantized;

/// <summary>
/// Where a weight's numbers lie in memory: in the order in which the kernels read them. A panel holds
/// <see cref="Channels"/> output channels; within it, units of <see cref="UnitPositions"/> inputs follow one another; a unit
/// holds, channel by channel, two quads of four neighbouring inputs (what one lane of a dot-product instruction eats).
/// Int8: a unit is the first quad of all channels, then the second (64 bytes), each number plus 128. Int4: both quads share 32
/// bytes, the first in the low four bits and the second in the high ones, each number plus 8; the panel's bfloat16 scales,
/// eight for each group, follow its numbers. Inputs beyond <see cref="InputSize"/> hold zero.
/// </summary>
internal readonly record struct PanelLayout(QuantizedFormat Format, int OutputSize, int InputSize)
{
    public const int Channels = 8;
    public const int UnitPositions = 8;
    private const int PaddedPositions = 32;

    /// <summary>Inputs that share an activation scale, and with int4 also a weight scale.</summary>
    public int GroupSize => GroupSizeOf(Format);

    public int Panels => (OutputSize + Channels - 1) / Channels;

    /// <summary>Units of a panel, a multiple of four.</summary>
    public int Units => (InputSize + PaddedPositions - 1) / PaddedPositions * (PaddedPositions / UnitPositions);

    public int Groups => (InputSize + GroupSize - 1) / GroupSize;

    public int UnitBytes => Format == QuantizedFormat.Int8 ? 64 : 32;

    /// <summary>From a panel's start to its scales.</summary>
    public long ScaleOffset => (long)Units * UnitBytes;

    /// <summary>Bytes of a panel; a multiple of 64, so that panels start on cache lines.</summary>
    public long PanelBytes => Format == QuantizedFormat.Int8 ? ScaleOffset : (ScaleOffset + ((long)Groups * Channels * 2) + 63) / 64 * 64;

    public static int GroupSizeOf(QuantizedFormat format) => format == QuantizedFormat.Int8 ? 128 : 32;

    /// <summary>The number at (output channel, input), without its scale.</summary>
    public unsafe int Read(byte* panels, int channel, int input)
    {
        var value = *Locate(panels, channel, input, out var isHigh);
        if (Format == QuantizedFormat.Int8) return value - 128;
        return (isHigh ? value >> 4 : value & 15) - 8;
    }

    /// <summary>Stores a number. The byte must have been set by <see cref="Clear"/> before.</summary>
    public unsafe void Write(byte* panels, int channel, int input, int value)
    {
        var at = Locate(panels, channel, input, out var isHigh);
        if (Format == QuantizedFormat.Int8) *at = (byte)(value + 128);
        else *at = (byte)(isHigh ? (*at & 0x0F) | ((value + 8) << 4) : (*at & 0xF0) | (value + 8));
    }

    /// <summary>Sets a panel's numbers, padding included, to zero.</summary>
    public unsafe void Clear(byte* panels, int panel)
    {
        var start = panels + (panel * PanelBytes);
        new Span<byte>(start, checked((int)ScaleOffset)).Fill(Format == QuantizedFormat.Int8 ? (byte)128 : (byte)0x88);
        new Span<byte>(start + ScaleOffset, checked((int)(PanelBytes - ScaleOffset))).Clear();
    }

    /// <summary>The int4 scale of a channel's group.</summary>
    public unsafe BFloat16* GroupScale(byte* panels, int channel, int group) =>
        (BFloat16*)(panels + (channel / Channels * PanelBytes) + ScaleOffset) + (group * Channels) + (channel % Channels);

    private unsafe byte* Locate(byte* panels, int channel, int input, out bool isHigh)
    {
        var (unit, position) = (input / UnitPositions, input % UnitPositions);
        var at = panels + (channel / Channels * PanelBytes) + ((long)unit * UnitBytes) + (channel % Channels * 4) + (position % 4);
        isHigh = position >= 4;
        return isHigh && Format == QuantizedFormat.Int8 ? at + 32 : at;
    }
}
