using Sightline.Tensors.Cpu.Attention;
using Sightline.Tensors.Cpu.MachineCode;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor output, Tensor logSumExp)
    {
        ClearUncovered(layout, output);
        var (queries, keys, values, result) = (new HeadMatrix(q), new HeadMatrix(k), new HeadMatrix(v), new HeadMatrix(output));
        var few = FewQueries(layout, queries.Heads / keys.Heads, out var many);
        if (few.Length > 0)
        {
            var inPlace = new AttentionFewQueries(queries, keys, values, result, logSumExp.F32, layout, scale, few);
            Parallel(ref inPlace, inPlace.Pieces);
        }

        if (!many) return;
        var sizeK = PackHeads.Size(keys, byRow: true);
        var block = NativePool.Shared.Rent((sizeK + PackHeads.Size(values, byRow: false)) * sizeof(float));
        try
        {
            var packedK = (float*)block.Pointer;
            Pack(keys, byRow: true, packedK);
            Pack(values, byRow: false, packedK + sizeK);
            var forward = new AttentionForward(queries, keys, values, result, logSumExp.F32, layout, scale, packedK, packedK + sizeK);
            Parallel(ref forward, forward.Pieces);
        }
        finally
        {
            block.Release();
        }
    }

    /// <inheritdoc/>
    public override unsafe bool RoundedAttention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor output, Tensor logSumExp)
    {
        if (PairProductCode.Instance is not { } code || q.Shape[2] % 2 != 0 || q.Shape[2] != v.Shape[2] || !HasRanges(layout)) return false;
        int[] ranges = [.. layout.Spans.Select(span => span.KeyStart)];
        int[] lengths = [.. layout.Spans.Select(span => span.KeyLength)];
        var places = RoundedHeads.Places(lengths);
        var (queries, keys, values) = (new HeadMatrix(q), new HeadMatrix(k), new HeadMatrix(v));
        ClearUncovered(layout, output);
        var block = NativePool.Shared.Rent(RoundedHeads.Size(keys, values, places[^1]) * sizeof(uint));
        try
        {
            var heads = new RoundedHeads(keys, values, ranges, lengths, places, (uint*)block.Pointer);
            Parallel(ref heads, heads.Pieces);
            var forward = new RoundedAttention(queries, new HeadMatrix(output), logSumExp.F32, layout, scale, heads, code);
            Parallel(ref forward, forward.Pieces);
        }
        finally
        {
            block.Release();
        }

        return true;
    }

    /// <inheritdoc/>
    public override unsafe void AttentionBackward(
        Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor output, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv)
    {
        ClearUncovered(layout, dq);
        var (keys, values) = (new HeadMatrix(k), new HeadMatrix(v));
        var sizeK = PackHeads.Size(keys, byRow: true);
        var sizeColumns = PackHeads.Size(keys, byRow: false);
        var sizeV = PackHeads.Size(values, byRow: true);
        var heads = q.Shape[1];
        var widthK = BlockProduct.RoundUp(k.Shape[2], 16);
        var widthV = BlockProduct.RoundUp(v.Shape[2], 16);
        var sizeDk = (long)heads * k.Shape[0] * widthK;
        var sizeDv = (long)heads * k.Shape[0] * widthV;
        var block = NativePool.Shared.Rent((sizeK + sizeColumns + sizeV + sizeDk + sizeDv) * sizeof(float));
        try
        {
            var memory = new AttentionBackward.Shared { KeyRows = (float*)block.Pointer };
            memory.KeyColumns = memory.KeyRows + sizeK;
            memory.ValueRows = memory.KeyColumns + sizeColumns;
            memory.Dk = memory.ValueRows + sizeV;
            memory.Dv = memory.Dk + sizeDk;
            if (layout.KeysCovered != k.Shape[0]) System.Runtime.InteropServices.NativeMemory.Clear(memory.Dk, (nuint)((sizeDk + sizeDv) * sizeof(float)));
            Pack(keys, byRow: true, memory.KeyRows);
            Pack(keys, byRow: false, memory.KeyColumns);
            Pack(values, byRow: true, memory.ValueRows);
            var backward = new AttentionBackward(new HeadMatrix(q), keys, values, new HeadMatrix(output), new HeadMatrix(gradient), new HeadMatrix(dq), logSumExp.F32, layout, scale, memory);
            Parallel(ref backward, backward.Pieces);
            SumGroups(memory.Dk, widthK, heads, new HeadMatrix(dk), scale);
            SumGroups(memory.Dv, widthV, heads, new HeadMatrix(dv), 1);
        }
        finally
        {
            block.Release();
        }
    }

    /// <summary>Numbers of the ranges that <see cref="AttentionFewQueries"/> takes, and whether there are others.</summary>
    private static int[] FewQueries(AttentionLayout layout, int headsTogether, out bool others)
    {
        var groups = layout.Groups;
        var numbers = new int[groups.Length];
        var (few, empty) = (0, 0);
        for (var g = 0; g < groups.Length; g++)
        {
            if (groups[g].Length == 0) empty++;
            else if (AttentionFewQueries.Suits(groups[g].Length, headsTogether)) numbers[few++] = g;
        }

        others = few + empty < groups.Length;
        return numbers[..few];
    }

    /// <summary>Whether each query range sees one range of keys, all of it, and the ranges of keys come one after another.</summary>
    private static bool HasRanges(AttentionLayout layout)
    {
        var end = 0;
        foreach (var span in layout.Spans)
        {
            if (span.Causal || span.KeyLength == 0 || span.QueryLength == 0 || span.KeyStart < end) return false;
            end = span.KeyStart + span.KeyLength;
        }

        return layout.Groups.Length == layout.Spans.Count && layout.Spans.Count > 0;
    }

    private static unsafe void Pack(HeadMatrix source, bool byRow, float* target)
    {
        var pack = new PackHeads(source, byRow, target);
        Parallel(ref pack, pack.Pieces);
    }

    private static unsafe void SumGroups(float* perHead, int width, int heads, HeadMatrix target, float factor)
    {
        var sum = new SumHeadGroups(perHead, width, heads, target, factor);
        Parallel(ref sum, sum.Pieces);
    }

    /// <summary>Zeros where no span writes; usually there is no such place.</summary>
    private void ClearUncovered(AttentionLayout layout, Tensor target)
    {
        var covered = 0;
        foreach (var group in layout.Groups) covered += group.Length;
        if (covered != target.Shape[0]) Clear(target);
    }
}
