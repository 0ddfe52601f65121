namespace Sightline.Tensors.Quantized;

/// <summary>
/// Where a weight's numbers lie in memory: in the order in which the kernels read them, so that a matrix-vector product is
/// one pass from first byte to last. A panel is <see cref="Channels"/> output channels, a block <see cref="BlockPanels"/> panels.
/// Along a block, units of <see cref="UnitPositions"/> inputs follow one another; a unit holds, panel by panel and channel by
/// channel, two quads of four neighbouring inputs (what one lane of a dot-product instruction eats). Int8: the first quad of
/// the panel's channels, then the second (64 bytes), each number plus 128. Int4: both quads share 32 bytes, the first in the low
/// four bits and the second in the high ones, each number plus 8; after each group of four units stand the block's 32
/// bfloat16 scales. Inputs beyond <see cref="InputSize"/> and channels beyond <see cref="OutputSize"/> hold zero.
/// </summary>
internal readonly record struct PanelLayout(QuantizedFormat Format, int OutputSize, int InputSize)
{
    public const int Channels = 8;
    public const int BlockPanels = 4;
    public const int BlockChannels = Channels * BlockPanels;
    public const int UnitPositions = 8;

    /// <summary>Bytes of a block's scales for one int4 group.</summary>
    public const int ScaleBytes = BlockChannels * 2;

    private const int PaddedPositions = 32;

    /// <summary>Inputs that share an activation scale, and with int4 also a weight scale.</summary>
    public int GroupSize => Format == QuantizedFormat.Int8 ? 128 : 32;

    public int Panels => Blocks * BlockPanels;

    public int Blocks => (OutputSize + BlockChannels - 1) / BlockChannels;

    /// <summary>Units along a block, a multiple of four.</summary>
    public int Units => (InputSize + PaddedPositions - 1) / PaddedPositions * (PaddedPositions / UnitPositions);

    public int Groups => (InputSize + GroupSize - 1) / GroupSize;

    /// <summary>Bytes of one panel's unit.</summary>
    public int UnitBytes => Format == QuantizedFormat.Int8 ? 64 : 32;

    /// <summary>Bytes of a block, a multiple of 64.</summary>
    public long BlockBytes => UnitOffset(Units);

    /// <summary>From a block's start to a unit.</summary>
    public long UnitOffset(int unit) => Format == QuantizedFormat.Int8
        ? (long)unit * BlockPanels * UnitBytes
        : ((long)unit * BlockPanels * UnitBytes) + (unit / 4 * ScaleBytes);

    /// <summary>The number at (output channel, input), without its scale.</summary>
    public unsafe int Read(byte* blocks, int channel, int input)
    {
        var value = *Locate(blocks, channel, input, out var isHigh);
        if (Format == QuantizedFormat.Int8) return value - 128;
        return (isHigh ? value >> 4 : value & 15) - 8;
    }

    /// <summary>Stores a number. Its block must have been set by <see cref="Clear"/> before.</summary>
    public unsafe void Write(byte* blocks, int channel, int input, int value)
    {
        var at = Locate(blocks, channel, input, out var isHigh);
        if (Format == QuantizedFormat.Int8) *at = (byte)(value + 128);
        else *at = (byte)(isHigh ? (*at & 0x0F) | ((value + 8) << 4) : (*at & 0xF0) | (value + 8));
    }

    /// <summary>Sets a block's numbers, padding included, and its scales to zero.</summary>
    public unsafe void Clear(byte* blocks, int block)
    {
        var start = blocks + (block * BlockBytes);
        for (var unit = 0; unit < Units; unit += 4)
        {
            var bytes = 4 * BlockPanels * UnitBytes;
            new Span<byte>(start + UnitOffset(unit), bytes).Fill(Format == QuantizedFormat.Int8 ? (byte)128 : (byte)0x88);
            if (Format == QuantizedFormat.Int4) new Span<byte>(start + UnitOffset(unit) + bytes, ScaleBytes).Clear();
        }
    }

    /// <summary>The int4 scale of a channel's group.</summary>
    public unsafe BFloat16* GroupScale(byte* blocks, int channel, int group) =>
        (BFloat16*)(blocks + (channel / BlockChannels * BlockBytes) + UnitOffset((group + 1) * 4) - ScaleBytes) + (channel % BlockChannels);

    private unsafe byte* Locate(byte* blocks, int channel, int input, out bool isHigh)
    {
        var (unit, position) = (input / UnitPositions, input % UnitPositions);
        var at = blocks + (channel / BlockChannels * BlockBytes) + UnitOffset(unit) + (channel % BlockChannels / Channels * UnitBytes)
            + (channel % Channels * 4) + (position % 4);
        isHigh = position >= 4;
        return isHigh && Format == QuantizedFormat.Int8 ? at + 32 : at;
    }
}
