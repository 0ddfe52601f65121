using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>A row of a tile at some unit, and how far to go.</summary>
internal readonly unsafe struct RowCursor(byte* numbers, float* scales, int* corrections, int tileRows, int units)
{
    public readonly int TileRows = tileRows;
    public readonly byte* Numbers = numbers;
    public readonly float* Scales = scales;
    public readonly int* Corrections = corrections;
    public readonly int Units = units;
}

/// <summary>
/// The micro-kernels: a tile of rows times a few panels over a stretch of inputs. Sums of a group stay in registers; after each
/// group they are scaled and added to float sums [panel][row][8] in the first-level cache. 6 x 2 fills the 16 registers of AVX2
/// for the compute-bound case; 1 x 4 and 2 x 4 read a block's weights from first byte to last for the memory-bound one.
/// </summary>
internal static unsafe class QuantizedTiles<TKernel, TAcc, TWeight, TActivation>
    where TKernel : struct, IQuantizedKernel<TAcc, TWeight, TActivation>
    where TAcc : struct
    where TWeight : struct
    where TActivation : struct
{
    /// <summary>Inlined by force, as everything here: a single call in a kernel would spill all of its sums on every step.</summary>
    private static int GroupScaleBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TKernel.HasGroupScales ? PanelLayout.ScaleBytes : 0;
    }

    private static int Quad
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4 * TKernel.ActivationBytes;
    }

    /// <summary>1 row of a tile x 4 panels; <paramref name="sums"/> begins with that row.</summary>
    public static void Run1(byte* block, RowCursor rows, float* sums)
    {
        var x = rows.Numbers;
        var step = rows.TileRows * Quad;
        var stride = rows.TileRows * PanelLayout.Channels;
        var scales = rows.Scales;
        var corrections = rows.Corrections;
        for (var unit = 0; unit < rows.Units; unit += TKernel.GroupUnits)
        {
            TAcc a0 = default, a1 = default, a2 = default, a3 = default;
            var left = Math.Min(TKernel.GroupUnits, rows.Units - unit);
            do
            {
                var q = TKernel.Load(x);
                a0 = TKernel.Step(a0, TKernel.First(block), q);
                a1 = TKernel.Step(a1, TKernel.First(block + TKernel.UnitBytes), q);
                a2 = TKernel.Step(a2, TKernel.First(block + (2 * TKernel.UnitBytes)), q);
                a3 = TKernel.Step(a3, TKernel.First(block + (3 * TKernel.UnitBytes)), q);
                q = TKernel.Load(x + step);
                a0 = TKernel.Step(a0, TKernel.Second(block), q);
                a1 = TKernel.Step(a1, TKernel.Second(block + TKernel.UnitBytes), q);
                a2 = TKernel.Step(a2, TKernel.Second(block + (2 * TKernel.UnitBytes)), q);
                a3 = TKernel.Step(a3, TKernel.Second(block + (3 * TKernel.UnitBytes)), q);
                block += PanelLayout.BlockPanels * TKernel.UnitBytes;
                x += 2 * step;
            }
            while (--left > 0);

            Flush(a0, *corrections, *scales, TKernel.Scales(block), sums);
            Flush(a1, *corrections, *scales, TKernel.Scales(block + 16), sums + stride);
            Flush(a2, *corrections, *scales, TKernel.Scales(block + 32), sums + (2 * stride));
            Flush(a3, *corrections, *scales, TKernel.Scales(block + 48), sums + (3 * stride));
            block += GroupScaleBytes;
            scales += rows.TileRows;
            corrections += rows.TileRows;
        }
    }

    /// <summary>2 rows of a tile x 4 panels; <paramref name="sums"/> begins with the first of them.</summary>
    public static void Run2(byte* block, RowCursor rows, float* sums)
    {
        var x = rows.Numbers;
        var step = rows.TileRows * Quad;
        var stride = rows.TileRows * PanelLayout.Channels;
        var scales = rows.Scales;
        var corrections = rows.Corrections;
        for (var unit = 0; unit < rows.Units; unit += TKernel.GroupUnits)
        {
            TAcc a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
            var left = Math.Min(TKernel.GroupUnits, rows.Units - unit);
            do
            {
                var (p, q) = (TKernel.Load(x), TKernel.Load(x + Quad));
                Both(ref a0, ref b0, TKernel.First(block), p, q);
                Both(ref a1, ref b1, TKernel.First(block + TKernel.UnitBytes), p, q);
                Both(ref a2, ref b2, TKernel.First(block + (2 * TKernel.UnitBytes)), p, q);
                Both(ref a3, ref b3, TKernel.First(block + (3 * TKernel.UnitBytes)), p, q);
                (p, q) = (TKernel.Load(x + step), TKernel.Load(x + step + Quad));
                Both(ref a0, ref b0, TKernel.Second(block), p, q);
                Both(ref a1, ref b1, TKernel.Second(block + TKernel.UnitBytes), p, q);
                Both(ref a2, ref b2, TKernel.Second(block + (2 * TKernel.UnitBytes)), p, q);
                Both(ref a3, ref b3, TKernel.Second(block + (3 * TKernel.UnitBytes)), p, q);
                block += PanelLayout.BlockPanels * TKernel.UnitBytes;
                x += 2 * step;
            }
            while (--left > 0);

            FlushBoth(a0, b0, scales, corrections, TKernel.Scales(block), sums);
            FlushBoth(a1, b1, scales, corrections, TKernel.Scales(block + 16), sums + stride);
            FlushBoth(a2, b2, scales, corrections, TKernel.Scales(block + 32), sums + (2 * stride));
            FlushBoth(a3, b3, scales, corrections, TKernel.Scales(block + 48), sums + (3 * stride));
            block += GroupScaleBytes;
            scales += rows.TileRows;
            corrections += rows.TileRows;
        }
    }

    /// <summary>6 rows x 2 panels, from panel <paramref name="first"/> of the block.</summary>
    public static void Run6(byte* block, int first, RowCursor rows, float* sums)
    {
        block += first * TKernel.UnitBytes;
        var toScales = first * (16 - TKernel.UnitBytes);
        var x = rows.Numbers;
        var scales = rows.Scales;
        var corrections = rows.Corrections;
        for (var unit = 0; unit < rows.Units; unit += TKernel.GroupUnits)
        {
            TAcc a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
            TAcc b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default;
            var left = Math.Min(TKernel.GroupUnits, rows.Units - unit);
            do
            {
                var (p, q) = (TKernel.First(block), TKernel.First(block + TKernel.UnitBytes));
                Across(ref a0, ref b0, p, q, x);
                Across(ref a1, ref b1, p, q, x + Quad);
                Across(ref a2, ref b2, p, q, x + (2 * Quad));
                Across(ref a3, ref b3, p, q, x + (3 * Quad));
                Across(ref a4, ref b4, p, q, x + (4 * Quad));
                Across(ref a5, ref b5, p, q, x + (5 * Quad));
                (p, q) = (TKernel.Second(block), TKernel.Second(block + TKernel.UnitBytes));
                Across(ref a0, ref b0, p, q, x + (6 * Quad));
                Across(ref a1, ref b1, p, q, x + (7 * Quad));
                Across(ref a2, ref b2, p, q, x + (8 * Quad));
                Across(ref a3, ref b3, p, q, x + (9 * Quad));
                Across(ref a4, ref b4, p, q, x + (10 * Quad));
                Across(ref a5, ref b5, p, q, x + (11 * Quad));
                block += PanelLayout.BlockPanels * TKernel.UnitBytes;
                x += 12 * Quad;
            }
            while (--left > 0);

            var (s0, s1) = (TKernel.Scales(block + toScales), TKernel.Scales(block + toScales + 16));
            block += GroupScaleBytes;
            FlushBoth(a0, a1, scales, corrections, s0, sums);
            FlushBoth(a2, a3, scales + 2, corrections + 2, s0, sums + 16);
            FlushBoth(a4, a5, scales + 4, corrections + 4, s0, sums + 32);
            FlushBoth(b0, b1, scales, corrections, s1, sums + 48);
            FlushBoth(b2, b3, scales + 2, corrections + 2, s1, sums + 64);
            FlushBoth(b4, b5, scales + 4, corrections + 4, s1, sums + 80);
            scales += 6;
            corrections += 6;
        }
    }

    /// <summary>One panel's quad with two rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Both(ref TAcc a, ref TAcc b, TWeight weight, TActivation first, TActivation second)
    {
        a = TKernel.Step(a, weight, first);
        b = TKernel.Step(b, weight, second);
    }

    /// <summary>One row's quad with two panels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Across(ref TAcc a, ref TAcc b, TWeight first, TWeight second, byte* quad)
    {
        var activation = TKernel.Load(quad);
        a = TKernel.Step(a, first, activation);
        b = TKernel.Step(b, second, activation);
    }

    /// <summary>sums += (acc + correction) x scale, one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Flush(TAcc acc, int correction, float scale, Vector256<float> scales, float* sums)
    {
        var exact = Vector256.ConvertToSingle(TKernel.Sum(acc) + Vector256.Create(correction));
        var factor = TKernel.HasGroupScales ? scales * Vector256.Create(scale) : Vector256.Create(scale);
        Vector256.FusedMultiplyAdd(exact, factor, Vector256.Load(sums)).Store(sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FlushBoth(TAcc a, TAcc b, float* scale, int* correction, Vector256<float> scales, float* sums)
    {
        Flush(a, correction[0], scale[0], scales, sums);
        Flush(b, correction[1], scale[1], scales, sums + 8);
    }
}
