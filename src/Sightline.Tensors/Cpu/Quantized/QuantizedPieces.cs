using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.MachineCode;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>
/// The operands of a quantized product. Where it <paramref name="adds"/>, y takes the place of the bias. With an addend [rows, channels], which may be y itself, y = addend + product.
/// </summary>
internal readonly unsafe struct QuantizedProduct(
    PanelLayout layout, byte* blocks, float* channelScales, QuantizedRows rows, int rowCount, float* bias, float* y, bool adds = false, float* addend = null)
{
    public readonly PanelLayout Layout = layout;
    public readonly QuantizedRows Rows = rows;
    public readonly int RowCount = rowCount;

    /// <summary>A block of weights from a unit on.</summary>
    public byte* Block(int block, int unit = 0) => blocks + (block * Layout.BlockBytes) + Layout.UnitOffset(unit);

    public float GroupScale(int channel, int group) => (float)*Layout.GroupScale(blocks, channel, group);

    public RowCursor Tile(int tile, int unit, int units, int row = 0)
    {
        var group = unit * PanelLayout.UnitPositions / Layout.GroupSize;
        return new RowCursor(Rows.Numbers(tile, unit) + (row * Rows.QuadBytes), Rows.Scales(tile, group) + row, Rows.Corrections(tile, group) + row, Rows.TileRows, units);
    }

    /// <summary>From the float sums [row][8] of a tile's panel to the output.</summary>
    public void Finish(int tile, int panel, float* sums)
    {
        var row = tile * Rows.TileRows;
        Finish(row, Math.Min(Rows.TileRows, RowCount - row), panel, sums, PanelLayout.Channels);
    }

    /// <summary>
    /// From the float sums of a panel, rows <paramref name="stride"/> floats apart, to the output: y = sum x channel scale + bias (or + y), one rounding, then the addend.
    /// </summary>
    public void Finish(int row, int rowCount, int panel, float* sums, int stride)
    {
        var channel = panel * PanelLayout.Channels;
        if (channel >= Layout.OutputSize) return;
        var count = Math.Min(PanelLayout.Channels, Layout.OutputSize - channel);
        for (var r = 0; r < rowCount; r++, sums += stride)
        {
            var at = ((long)(row + r) * Layout.OutputSize) + channel;
            if (count == PanelLayout.Channels)
            {
                var (sum, offsets) = (Vector256.Load(sums), adds ? Vector256.Load(y + at) : bias is null ? Vector256<float>.Zero : Vector256.Load(bias + channel));
                var value = channelScales is null ? sum + offsets : Vector256.FusedMultiplyAdd(sum, Vector256.Load(channelScales + channel), offsets);
                (addend is null ? value : Vector256.Load(addend + at) + value).Store(y + at);
                continue;
            }

            for (var c = 0; c < count; c++)
            {
                var offset = adds ? y[at + c] : bias is null ? 0 : bias[channel + c];
                var value = channelScales is null ? sums[c] + offset : MathF.FusedMultiplyAdd(sums[c], channelScales[channel + c], offset);
                y[at + c] = addend is null ? value : addend[at + c] + value;
            }
        }
    }
}

/// <summary>Few rows: one tile over all inputs, a block of weights a piece; bounded by reading the weights.</summary>
internal readonly unsafe struct ThinPieces<TKernel, TAcc, TWeight, TActivation>(QuantizedProduct product) : IPieces
    where TKernel : struct, IQuantizedKernel<TAcc, TWeight, TActivation>
    where TAcc : struct
    where TWeight : struct
    where TActivation : struct
{
    /// <summary>Up to here reading the weights once in order beats the larger tile of <see cref="TallPieces{TKernel, TAcc, TWeight, TActivation}"/>.</summary>
    public const int MaxRows = 8;

    private const int MaxSums = MaxRows * PanelLayout.BlockChannels;
    private const int UnitsPerStretch = 64; // 512 inputs: 16 KB of int8 numbers

    [SkipLocalsInit]
    public void Run(int piece)
    {
        var rows = product.Rows.TileRows;
        var sums = stackalloc float[MaxSums]; // [panel][row][8]
        new Span<float>(sums, rows * PanelLayout.BlockChannels).Clear();
        for (var unit = 0; unit < product.Layout.Units; unit += UnitsPerStretch)
            Multiply(product.Block(piece, unit), unit, Math.Min(UnitsPerStretch, product.Layout.Units - unit), sums);
        for (var p = 0; p < PanelLayout.BlockPanels; p++)
            product.Finish(0, (piece * PanelLayout.BlockPanels) + p, sums + (p * rows * PanelLayout.Channels));
    }

    /// <summary>The first rows bring the stretch from memory into the first-level cache for the others.</summary>
    private void Multiply(byte* block, int unit, int units, float* sums)
    {
        var rows = product.Rows.TileRows;
        var row = 0;
        for (; row <= rows - 2; row += 2)
            QuantizedTiles<TKernel, TAcc, TWeight, TActivation>.Run2(block, product.Tile(0, unit, units, row), sums + (row * PanelLayout.Channels));
        if (row < rows)
            QuantizedTiles<TKernel, TAcc, TWeight, TActivation>.Run1(block, product.Tile(0, unit, units, row), sums + (row * PanelLayout.Channels));
    }
}

/// <summary>
/// Many rows: a block of rows times a block of channels a piece, over stretches of inputs such that a block of weights
/// stays in the first-level cache while all tiles of the block pass, and the block's activations in the second.
/// </summary>
internal readonly unsafe struct TallPieces<TKernel, TAcc, TWeight, TActivation>(QuantizedProduct product) : IPieces
    where TKernel : struct, IQuantizedKernel<TAcc, TWeight, TActivation>
    where TAcc : struct
    where TWeight : struct
    where TActivation : struct
{
    public const int TileRows = 6;
    private const int TilesPerPiece = 16;
    private const int PanelsPerPiece = 16;
    private const int UnitsPerStretch = 64; // 512 inputs: 16 KB of int8 numbers in a block
    private const int PanelSums = TileRows * PanelLayout.Channels;

    public int Count => RowBlocks * ChannelBlocks;

    private int RowBlocks => (product.Rows.Tiles + TilesPerPiece - 1) / TilesPerPiece;

    private int ChannelBlocks => (product.Layout.Panels + PanelsPerPiece - 1) / PanelsPerPiece;

    [SkipLocalsInit]
    public void Run(int piece)
    {
        var sums = stackalloc float[TilesPerPiece * PanelsPerPiece * PanelSums]; // [panel pair][tile][2][6][8], 48 KB
        new Span<float>(sums, TilesPerPiece * PanelsPerPiece * PanelSums).Clear();
        var (block, channels) = (piece / ChannelBlocks, piece % ChannelBlocks);
        var firstTile = block * TilesPerPiece;
        var tiles = Math.Min(TilesPerPiece, product.Rows.Tiles - firstTile);
        var firstPanel = channels * PanelsPerPiece;
        var panels = Math.Min(PanelsPerPiece, product.Layout.Panels - firstPanel);
        for (var unit = 0; unit < product.Layout.Units; unit += UnitsPerStretch)
        {
            var units = Math.Min(UnitsPerStretch, product.Layout.Units - unit);
            for (var p = 0; p < panels; p += 2)
            {
                var weights = product.Block((firstPanel + p) / PanelLayout.BlockPanels, unit);
                for (var t = 0; t < tiles; t++)
                {
                    QuantizedTiles<TKernel, TAcc, TWeight, TActivation>.Run6(
                        weights, p % PanelLayout.BlockPanels, product.Tile(firstTile + t, unit, units), sums + (((p / 2 * TilesPerPiece) + t) * 2 * PanelSums));
                }
            }
        }

        for (var p = 0; p < panels; p++)
        {
            for (var t = 0; t < tiles; t++)
                product.Finish(firstTile + t, firstPanel + p, sums + (((((p / 2 * TilesPerPiece) + t) * 2) + (p % 2)) * PanelSums));
        }
    }
}

/// <summary>Many rows, as <see cref="TallPieces{TKernel, TAcc, TWeight, TActivation}"/>, with whole blocks by <see cref="DotProductCode"/>.</summary>
internal readonly unsafe struct CodePieces(QuantizedProduct product, DotProductCode code) : IPieces
{
    private const int TilesPerPiece = 16;
    private const int BlocksPerPiece = 4;
    private const int UnitsPerStretch = 64;
    private const int PanelSums = DotProductCode.TileRows * PanelLayout.Channels;

    public int Count => RowBlocks * ChannelBlocks;

    private int RowBlocks => (product.Rows.Tiles + TilesPerPiece - 1) / TilesPerPiece;

    private int ChannelBlocks => (product.Layout.Blocks + BlocksPerPiece - 1) / BlocksPerPiece;

    [SkipLocalsInit]
    public void Run(int piece)
    {
        var sums = stackalloc float[TilesPerPiece * BlocksPerPiece * DotProductCode.TileSums]; // [block][tile][panel][6][8], 48 KB
        new Span<float>(sums, TilesPerPiece * BlocksPerPiece * DotProductCode.TileSums).Clear();
        var (rows, channels) = (piece / ChannelBlocks, piece % ChannelBlocks);
        var firstTile = rows * TilesPerPiece;
        var tiles = Math.Min(TilesPerPiece, product.Rows.Tiles - firstTile);
        var firstBlock = channels * BlocksPerPiece;
        var blocks = Math.Min(BlocksPerPiece, product.Layout.Blocks - firstBlock);
        for (var unit = 0; unit < product.Layout.Units; unit += UnitsPerStretch)
        {
            for (var b = 0; b < blocks; b++) Multiply(firstTile, tiles, firstBlock + b, unit, sums + (b * TilesPerPiece * DotProductCode.TileSums));
        }

        for (var b = 0; b < blocks; b++)
        {
            for (var t = 0; t < tiles; t++)
            {
                for (var p = 0; p < PanelLayout.BlockPanels; p++)
                    product.Finish(firstTile + t, ((firstBlock + b) * PanelLayout.BlockPanels) + p, sums + (((((b * TilesPerPiece) + t) * PanelLayout.BlockPanels) + p) * PanelSums));
            }
        }
    }

    private void Multiply(int firstTile, int tiles, int block, int unit, float* sums)
    {
        var layout = product.Layout;
        var first = product.Tile(firstTile, unit, Math.Min(UnitsPerStretch, layout.Units - unit));
        var arguments = new TileArguments
        {
            Block = product.Block(block, unit),
            Quads = first.Numbers,
            RowScales = first.Scales,
            RowCorrections = first.Corrections,
            Totals = sums,
            UnitCount = first.Units,
            TileCount = tiles,
            QuadStride = product.Rows.NumberStride,
            RowStride = (long)layout.Groups * DotProductCode.TileRows * sizeof(float),
            UnitsInGroup = layout.GroupSize / PanelLayout.UnitPositions,
            LowBits = 0x0F0F0F0F,
        };
        code.Run(layout.Format, &arguments);
    }
}

/// <summary>Few rows, as <see cref="ThinPieces{TKernel, TAcc, TWeight, TActivation}"/>, by <see cref="ThinProductCode"/>.</summary>
internal readonly unsafe struct ThinCodePieces(QuantizedProduct product, DotProductCode code) : IPieces
{
    private const int MaxSums = CpuEngine.MaxThinRows * PanelLayout.BlockChannels;
    private const int UnitsPerStretch = 64; // where the weights are needed twice, they must still be in the first-level cache

    [SkipLocalsInit]
    public void Run(int piece)
    {
        var (rows, units) = (product.RowCount, product.Layout.Units);
        var sums = stackalloc float[MaxSums];
        new Span<float>(sums, rows * PanelLayout.BlockChannels).Clear();
        var stretch = rows <= ThinProductCode.MaxRows ? units : UnitsPerStretch;
        for (var unit = 0; unit < units; unit += stretch)
        {
            for (var row = 0; row < rows; row += ThinProductCode.MaxRows)
                Multiply(piece, unit, Math.Min(stretch, units - unit), row, Math.Min(ThinProductCode.MaxRows, rows - row), sums + (row * PanelLayout.BlockChannels));
        }

        for (var row = 0; row < rows; row += ThinProductCode.MaxRows) Finish(piece, row, Math.Min(ThinProductCode.MaxRows, rows - row), sums + (row * PanelLayout.BlockChannels));
    }

    private void Multiply(int block, int unit, int units, int row, int rows, float* sums)
    {
        var layout = product.Layout;
        var cursor = product.Tile(0, unit, units, row);
        var arguments = new TileArguments
        {
            Block = product.Block(block, unit),
            Quads = cursor.Numbers,
            RowScales = cursor.Scales,
            RowCorrections = cursor.Corrections,
            Totals = sums,
            UnitCount = units,
            UnitsInGroup = layout.GroupSize / PanelLayout.UnitPositions,
            LowBits = 0x0F0F0F0F,
            RowBytes = 4L * product.Rows.TileRows,
        };
        code.RunThin(layout.Format, rows, &arguments);
    }

    private void Finish(int block, int row, int rows, float* sums)
    {
        var width = product.Layout.Format == QuantizedFormat.Int8 ? PanelLayout.Channels : 2 * PanelLayout.Channels; // of a row of sums
        for (var p = 0; p < PanelLayout.BlockPanels; p++)
        {
            var channel = p * PanelLayout.Channels;
            product.Finish(row, rows, (block * PanelLayout.BlockPanels) + p, sums + (channel / width * rows * width) + (channel % width), width);
        }
    }
}

/// <summary>The specification: one row a piece, numbers one by one. Also what runs where there is no AVX2.</summary>
internal readonly unsafe struct ScalarPieces(QuantizedProduct product) : IPieces
{
    [SkipLocalsInit]
    public void Run(int piece)
    {
        var layout = product.Layout;
        var sums = stackalloc float[PanelLayout.Channels];
        for (var panel = 0; panel < layout.Panels; panel++)
        {
            new Span<float>(sums, PanelLayout.Channels).Clear();
            for (var group = 0; group < layout.Groups; group++)
            {
                var unit = group * layout.GroupSize / PanelLayout.UnitPositions;
                var rows = product.Tile(piece, unit, Math.Min(layout.GroupSize / PanelLayout.UnitPositions, layout.Units - unit));
                var weights = product.Block(panel / PanelLayout.BlockPanels, unit) + (panel % PanelLayout.BlockPanels * layout.UnitBytes);
                for (var c = 0; c < PanelLayout.Channels; c++)
                {
                    var exact = *rows.Corrections + Dot(weights + (c * 4), (sbyte*)rows.Numbers, rows.Units, layout);
                    var factor = *rows.Scales;
                    if (layout.Format == QuantizedFormat.Int4) factor *= product.GroupScale((panel * PanelLayout.Channels) + c, group);
                    sums[c] = MathF.FusedMultiplyAdd(exact, factor, sums[c]);
                }
            }

            product.Finish(piece, panel, sums);
        }
    }

    /// <summary>The sum of (number + offset) x activation over a channel's units.</summary>
    private static int Dot(byte* channel, sbyte* x, int units, PanelLayout layout)
    {
        var sum = 0;
        for (var unit = 0; unit < units; unit++, channel += PanelLayout.BlockPanels * layout.UnitBytes, x += 8)
        {
            for (var i = 0; i < 4; i++)
            {
                var (first, second) = layout.Format == QuantizedFormat.Int8 ? (channel[i], channel[i + 32]) : (channel[i] & 15, channel[i] >> 4);
                sum += (first * x[i]) + (second * x[i + 4]);
            }
        }

        return sum;
    }
}
