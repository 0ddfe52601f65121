using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>One panel of eight output channels at some unit: its numbers and its scales from there on.</summary>
internal unsafe struct PanelCursor(byte* numbers, byte* scales)
{
    public byte* Numbers = numbers;
    public byte* Scales = scales;
}

/// <summary>A tile of quantized rows at some unit, and how far to go.</summary>
internal readonly unsafe struct RowCursor(byte* numbers, float* scales, int* corrections, int units)
{
    public readonly byte* Numbers = numbers;
    public readonly float* Scales = scales;
    public readonly int* Corrections = corrections;
    public readonly int Units = units;
}

/// <summary>
/// The micro-kernels: a tile of rows times a few panels over a stretch of inputs. Sums of a group stay in registers; after each
/// group they are scaled and added to float sums [panel][row][8] in the first-level cache. 6 x 2 uses the 16 registers of AVX2
/// for the compute-bound case; 1 x 4, 2 x 4 and 4 x 2 read several streams of weights for the memory-bound one.
/// </summary>
internal static unsafe class QuantizedTiles<TKernel, TAcc, TWeight, TActivation>
    where TKernel : struct, IQuantizedKernel<TAcc, TWeight, TActivation>
    where TAcc : struct
    where TWeight : struct
    where TActivation : struct
{
    private static int Quad => 4 * TKernel.ActivationBytes;

    /// <summary>1 row x 4 panels.</summary>
    public static void Run1(PanelCursor* panels, RowCursor rows, float* sums)
    {
        var (w0, w1, w2, w3) = (panels[0], panels[1], panels[2], panels[3]);
        var x = rows.Numbers;
        var scales = rows.Scales;
        var corrections = rows.Corrections;
        for (var unit = 0; unit < rows.Units; unit += TKernel.GroupUnits)
        {
            TAcc a0 = default, a1 = default, a2 = default, a3 = default;
            for (var left = Math.Min(TKernel.GroupUnits, rows.Units - unit); left > 0; left--, x += 2 * Quad)
            {
                var q = TKernel.Load(x);
                a0 = TKernel.Step(a0, TKernel.First(w0.Numbers), q);
                a1 = TKernel.Step(a1, TKernel.First(w1.Numbers), q);
                a2 = TKernel.Step(a2, TKernel.First(w2.Numbers), q);
                a3 = TKernel.Step(a3, TKernel.First(w3.Numbers), q);
                q = TKernel.Load(x + Quad);
                a0 = TKernel.Step(a0, TKernel.Second(w0.Numbers), q);
                a1 = TKernel.Step(a1, TKernel.Second(w1.Numbers), q);
                a2 = TKernel.Step(a2, TKernel.Second(w2.Numbers), q);
                a3 = TKernel.Step(a3, TKernel.Second(w3.Numbers), q);
                w0.Numbers += TKernel.UnitBytes;
                w1.Numbers += TKernel.UnitBytes;
                w2.Numbers += TKernel.UnitBytes;
                w3.Numbers += TKernel.UnitBytes;
            }

            Flush(a0, *corrections, *scales, NextScales(ref w0), sums);
            Flush(a1, *corrections, *scales, NextScales(ref w1), sums + 8);
            Flush(a2, *corrections, *scales, NextScales(ref w2), sums + 16);
            Flush(a3, *corrections, *scales, NextScales(ref w3), sums + 24);
            scales++;
            corrections++;
        }
    }

    /// <summary>2 rows x 4 panels.</summary>
    public static void Run2(PanelCursor* panels, RowCursor rows, float* sums)
    {
        var (w0, w1, w2, w3) = (panels[0], panels[1], panels[2], panels[3]);
        var x = rows.Numbers;
        var scales = rows.Scales;
        var corrections = rows.Corrections;
        for (var unit = 0; unit < rows.Units; unit += TKernel.GroupUnits)
        {
            TAcc a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
            for (var left = Math.Min(TKernel.GroupUnits, rows.Units - unit); left > 0; left--, x += 4 * Quad)
            {
                var (p, q) = (TKernel.Load(x), TKernel.Load(x + Quad));
                Both(ref a0, ref b0, TKernel.First(w0.Numbers), p, q);
                Both(ref a1, ref b1, TKernel.First(w1.Numbers), p, q);
                Both(ref a2, ref b2, TKernel.First(w2.Numbers), p, q);
                Both(ref a3, ref b3, TKernel.First(w3.Numbers), p, q);
                (p, q) = (TKernel.Load(x + (2 * Quad)), TKernel.Load(x + (3 * Quad)));
                Both(ref a0, ref b0, TKernel.Second(w0.Numbers), p, q);
                Both(ref a1, ref b1, TKernel.Second(w1.Numbers), p, q);
                Both(ref a2, ref b2, TKernel.Second(w2.Numbers), p, q);
                Both(ref a3, ref b3, TKernel.Second(w3.Numbers), p, q);
                w0.Numbers += TKernel.UnitBytes;
                w1.Numbers += TKernel.UnitBytes;
                w2.Numbers += TKernel.UnitBytes;
                w3.Numbers += TKernel.UnitBytes;
            }

            FlushBoth(a0, b0, scales, corrections, NextScales(ref w0), sums);
            FlushBoth(a1, b1, scales, corrections, NextScales(ref w1), sums + 16);
            FlushBoth(a2, b2, scales, corrections, NextScales(ref w2), sums + 32);
            FlushBoth(a3, b3, scales, corrections, NextScales(ref w3), sums + 48);
            scales += 2;
            corrections += 2;
        }
    }

    /// <summary>4 rows x 2 panels.</summary>
    public static void Run4(PanelCursor* panels, RowCursor rows, float* sums)
    {
        var (w0, w1) = (panels[0], panels[1]);
        var x = rows.Numbers;
        var scales = rows.Scales;
        var corrections = rows.Corrections;
        for (var unit = 0; unit < rows.Units; unit += TKernel.GroupUnits)
        {
            TAcc a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
            for (var left = Math.Min(TKernel.GroupUnits, rows.Units - unit); left > 0; left--, x += 8 * Quad)
            {
                var (p, q) = (TKernel.First(w0.Numbers), TKernel.First(w1.Numbers));
                Across(ref a0, ref b0, p, q, x);
                Across(ref a1, ref b1, p, q, x + Quad);
                Across(ref a2, ref b2, p, q, x + (2 * Quad));
                Across(ref a3, ref b3, p, q, x + (3 * Quad));
                (p, q) = (TKernel.Second(w0.Numbers), TKernel.Second(w1.Numbers));
                Across(ref a0, ref b0, p, q, x + (4 * Quad));
                Across(ref a1, ref b1, p, q, x + (5 * Quad));
                Across(ref a2, ref b2, p, q, x + (6 * Quad));
                Across(ref a3, ref b3, p, q, x + (7 * Quad));
                w0.Numbers += TKernel.UnitBytes;
                w1.Numbers += TKernel.UnitBytes;
            }

            var (s0, s1) = (NextScales(ref w0), NextScales(ref w1));
            FlushBoth(a0, a1, scales, corrections, s0, sums);
            FlushBoth(a2, a3, scales + 2, corrections + 2, s0, sums + 16);
            FlushBoth(b0, b1, scales, corrections, s1, sums + 32);
            FlushBoth(b2, b3, scales + 2, corrections + 2, s1, sums + 48);
            scales += 4;
            corrections += 4;
        }
    }

    /// <summary>6 rows x 2 panels.</summary>
    public static void Run6(PanelCursor* panels, RowCursor rows, float* sums)
    {
        var (w0, w1) = (panels[0], panels[1]);
        var x = rows.Numbers;
        var scales = rows.Scales;
        var corrections = rows.Corrections;
        for (var unit = 0; unit < rows.Units; unit += TKernel.GroupUnits)
        {
            TAcc a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
            TAcc b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default;
            for (var left = Math.Min(TKernel.GroupUnits, rows.Units - unit); left > 0; left--, x += 12 * Quad)
            {
                var (p, q) = (TKernel.First(w0.Numbers), TKernel.First(w1.Numbers));
                Across(ref a0, ref b0, p, q, x);
                Across(ref a1, ref b1, p, q, x + Quad);
                Across(ref a2, ref b2, p, q, x + (2 * Quad));
                Across(ref a3, ref b3, p, q, x + (3 * Quad));
                Across(ref a4, ref b4, p, q, x + (4 * Quad));
                Across(ref a5, ref b5, p, q, x + (5 * Quad));
                (p, q) = (TKernel.Second(w0.Numbers), TKernel.Second(w1.Numbers));
                Across(ref a0, ref b0, p, q, x + (6 * Quad));
                Across(ref a1, ref b1, p, q, x + (7 * Quad));
                Across(ref a2, ref b2, p, q, x + (8 * Quad));
                Across(ref a3, ref b3, p, q, x + (9 * Quad));
                Across(ref a4, ref b4, p, q, x + (10 * Quad));
                Across(ref a5, ref b5, p, q, x + (11 * Quad));
                w0.Numbers += TKernel.UnitBytes;
                w1.Numbers += TKernel.UnitBytes;
            }

            var (s0, s1) = (NextScales(ref w0), NextScales(ref w1));
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> NextScales(ref PanelCursor panel)
    {
        var scales = TKernel.Scales(panel.Scales);
        panel.Scales += 16;
        return scales;
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
