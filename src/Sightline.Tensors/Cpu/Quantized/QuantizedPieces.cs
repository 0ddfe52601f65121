using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>The operands of a quantized product.</summary>
internal readonly unsafe struct QuantizedProduct(PanelLayout layout, byte* panels, float* channelScales, QuantizedRows rows, int rowCount, float* bias, float* y)
{
    public readonly PanelLayout Layout = layout;
    public readonly QuantizedRows Rows = rows;
    public readonly int RowCount = rowCount;

    /// <summary>A panel from a unit on. Panels past the end repeat the last one; their results are dropped.</summary>
    public PanelCursor Panel(int panel, int unit = 0)
    {
        var start = panels + (Math.Min(panel, Layout.Panels - 1) * Layout.PanelBytes);
        return new PanelCursor(start + ((long)unit * Layout.UnitBytes), start + Layout.ScaleOffset + (unit * 8L / Layout.GroupSize * 16));
    }

    public RowCursor Tile(int tile, int unit, int units)
    {
        var group = unit * 8 / Layout.GroupSize;
        return new RowCursor(Rows.Numbers(tile, unit), Rows.Scales(tile, group), Rows.Corrections(tile, group), units);
    }

    /// <summary>From the float sums [row][8] of a tile's panel to the output: y = sum x channel scale + bias, one rounding.</summary>
    public void Finish(int tile, int panel, float* sums)
    {
        if (panel >= Layout.Panels) return;
        var channel = panel * PanelLayout.Channels;
        var count = Math.Min(PanelLayout.Channels, Layout.OutputSize - channel);
        for (var r = 0; r < Rows.TileRows && (tile * Rows.TileRows) + r < RowCount; r++, sums += 8)
        {
            var target = y + ((((long)tile * Rows.TileRows) + r) * Layout.OutputSize) + channel;
            if (count == PanelLayout.Channels)
            {
                var (sum, offsets) = (Vector256.Load(sums), bias is null ? Vector256<float>.Zero : Vector256.Load(bias + channel));
                (channelScales is null ? sum + offsets : Vector256.FusedMultiplyAdd(sum, Vector256.Load(channelScales + channel), offsets)).Store(target);
                continue;
            }

            for (var c = 0; c < count; c++)
            {
                var offset = bias is null ? 0 : bias[channel + c];
                target[c] = channelScales is null ? sums[c] + offset : MathF.FusedMultiplyAdd(sums[c], channelScales[channel + c], offset);
            }
        }
    }
}

/// <summary>Few rows (at most six): one tile over all inputs, a few panels a piece; bounded by reading the weights.</summary>
internal readonly unsafe struct ThinPieces<TKernel, TAcc, TWeight, TActivation>(QuantizedProduct product) : IPieces
    where TKernel : struct, IQuantizedKernel<TAcc, TWeight, TActivation>
    where TAcc : struct
    where TWeight : struct
    where TActivation : struct
{
    public const int PanelsPerPiece = 4;
    private const int MaxSums = 6 * PanelsPerPiece * PanelLayout.Channels;

    [SkipLocalsInit]
    public void Run(int piece)
    {
        var rows = product.Rows.TileRows;
        var sums = stackalloc float[MaxSums];
        new Span<float>(sums, MaxSums).Clear();
        var cursors = stackalloc PanelCursor[PanelsPerPiece];
        var first = piece * PanelsPerPiece;
        for (var p = 0; p < PanelsPerPiece; p++) cursors[p] = product.Panel(first + p);
        var tile = product.Tile(0, 0, product.Layout.Units);
        switch (rows)
        {
            case 1: QuantizedTiles<TKernel, TAcc, TWeight, TActivation>.Run1(cursors, tile, sums); break;
            case 2: QuantizedTiles<TKernel, TAcc, TWeight, TActivation>.Run2(cursors, tile, sums); break;
            case 4:
                for (var p = 0; p < PanelsPerPiece; p += 2) QuantizedTiles<TKernel, TAcc, TWeight, TActivation>.Run4(cursors + p, tile, sums + (p * rows * 8));
                break;
            default:
                for (var p = 0; p < PanelsPerPiece; p += 2) QuantizedTiles<TKernel, TAcc, TWeight, TActivation>.Run6(cursors + p, tile, sums + (p * rows * 8));
                break;
        }

        for (var p = 0; p < PanelsPerPiece; p++) product.Finish(0, first + p, sums + (p * rows * 8));
    }
}

/// <summary>
/// Many rows: a block of rows times a block of channels a piece, over stretches of inputs such that a pair of panels stays
/// in the first-level cache while all tiles of the block pass, and the block's activations in the second.
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
    private const int UnitsPerStretch = 128; // 1,024 inputs: 16 KB of int8 numbers in a pair of panels
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
        var cursors = stackalloc PanelCursor[2];
        for (var unit = 0; unit < product.Layout.Units; unit += UnitsPerStretch)
        {
            var units = Math.Min(UnitsPerStretch, product.Layout.Units - unit);
            for (var p = 0; p < panels; p += 2)
            {
                cursors[0] = product.Panel(firstPanel + p, unit);
                cursors[1] = product.Panel(firstPanel + p + 1, unit);
                for (var t = 0; t < tiles; t++)
                {
                    QuantizedTiles<TKernel, TAcc, TWeight, TActivation>.Run6(
                        cursors, product.Tile(firstTile + t, unit, units), sums + (((p / 2 * TilesPerPiece) + t) * 2 * PanelSums));
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
            var cursor = product.Panel(panel);
            new Span<float>(sums, PanelLayout.Channels).Clear();
            for (var group = 0; group < layout.Groups; group++)
            {
                var units = Math.Min(layout.GroupSize / 8, layout.Units - (group * layout.GroupSize / 8));
                var rows = product.Tile(piece, group * layout.GroupSize / 8, units);
                for (var c = 0; c < PanelLayout.Channels; c++)
                {
                    var exact = *rows.Corrections + Dot(cursor.Numbers + (c * 4), (sbyte*)rows.Numbers, units, layout);
                    var factor = layout.Format == QuantizedFormat.Int4 ? (float)((BFloat16*)cursor.Scales)[c] * *rows.Scales : *rows.Scales;
                    sums[c] = MathF.FusedMultiplyAdd(exact, factor, sums[c]);
                }

                cursor.Numbers += units * layout.UnitBytes;
                cursor.Scales += 16;
            }

            product.Finish(piece, panel, sums);
        }
    }

    /// <summary>The sum of (number + offset) x activation over a channel's units.</summary>
    private static int Dot(byte* channel, sbyte* x, int units, PanelLayout layout)
    {
        var sum = 0;
        for (var unit = 0; unit < units; unit++, channel += layout.UnitBytes, x += 8)
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
