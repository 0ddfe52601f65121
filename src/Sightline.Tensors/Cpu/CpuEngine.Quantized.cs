using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.MachineCode;
using Sightline.Tensors.Cpu.Quantized;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <summary>Up to here reading the weights once in order beats larger tiles.</summary>
    internal const int MaxThinRows = 8;

    /// <inheritdoc/>
    public override unsafe void QuantizedLinear(Tensor x, QuantizedWeight weight, Tensor? bias, Tensor y)
    {
        if (y.Count == 0) return;
        using var wide = y.DType == DType.Float32 ? null : Tensor.Empty(y.Shape, DType.Float32, this);
        Run(new QuantizedCall(x, weight, bias is null ? null : bias.F32, (wide ?? y).F32));
        if (wide is not null) Cast(wide, y);
    }

    /// <inheritdoc/>
    public override unsafe void QuantizedLinearBackward(Tensor dy, QuantizedWeight weight, Tensor dx, float beta)
    {
        if (dx.Count == 0) return;
        using var wide = dx.DType == DType.Float32 ? null : Tensor.Empty(dx.Shape, DType.Float32, this);
        if (wide is not null && beta != 0) Cast(dx, wide);
        if (weight.Format == QuantizedFormat.Int8)
        {
            Int8Gradient(dy, weight, (wide ?? dx).F32, beta != 0);
        }
        else
        {
            // scales of its own for every 32 inputs cannot be taken into dy
            var (M, N) = (dy.Shape.Rows, weight.OutputSize);
            var lines = new StridedLines(dy.Data, dy.DType, N, 1);
            var columns = new QuantizedLines(weight);
            var target = (wide ?? dx).F32;
            if (PairTile.Suits(lines.Type, DType.Float32, BFloat16Products.AreAllowed))
                Gemm.Gemm.Run(M, weight.InputSize, PairLines.Steps(N), new PairLines(lines, N), new PairPanels<QuantizedLines>(columns, N), target, weight.InputSize, null, beta != 0);
            else Gemm.Gemm.Run(M, weight.InputSize, N, lines, columns, target, weight.InputSize, null, beta != 0);
        }

        if (wide is not null) Cast(wide, dx);
    }

    /// <summary>
    /// dx = (dy · scales) W by the kernels of the forward product: what dy times the channels' scales is rounded to has two parts of eight bits, and W is brought into
    /// the kernels' order with inputs as channels, which takes a hundredth of the time of a product with many rows. See docs/decisions/0014.
    /// </summary>
    private static unsafe void Int8Gradient(Tensor dy, QuantizedWeight weight, float* dx, bool add)
    {
        var layout = new PanelLayout(QuantizedFormat.Int8, weight.InputSize, weight.OutputSize);
        var block = NativePool.Shared.Rent(layout.Blocks * layout.BlockBytes);
        try
        {
            var turned = (byte*)block.Pointer;
            var turn = new TransposePieces(weight.Layout, weight.Blocks, layout, turned);
            Parallel(ref turn, weight.Layout.Blocks);
            Run(new QuantizedCall(dy, layout, turned, weight.ChannelScales, RowRounding.First, dx, add));
            Run(new QuantizedCall(dy, layout, turned, weight.ChannelScales, RowRounding.Rest, dx, adds: true));
        }
        finally
        {
            block.Release();
        }
    }

    /// <summary>By the fastest kernels of this processor.</summary>
    private static void Run(QuantizedCall call)
    {
        if (DotProductCode.Instance is { } code)
        {
            Run(call, code, call.RowCount <= MaxThinRows);
        }
        else if (call.Format == QuantizedFormat.Int8)
        {
            if (AvxVnni.IsSupported) Run<Int8Vnni, Vector256<int>, Vector256<byte>, Vector256<sbyte>>(call);
            else if (Avx512BW.IsSupported) Run<Int8Wide512, Vector512<int>, Vector512<short>, Vector512<short>>(call);
            else if (Avx2.IsSupported) Run<Int8Wide256, VectorPair<int>, VectorPair<short>, Vector256<short>>(call);
            else RunScalar(call);
        }
        else
        {
            if (AvxVnni.IsSupported) Run<Int4Vnni, Vector256<int>, Vector256<byte>, Vector256<sbyte>>(call);
            else if (Avx2.IsSupported) Run<Int4Avx2, Vector256<short>, Vector256<byte>, Vector256<sbyte>>(call);
            else RunScalar(call);
        }
    }

    /// <summary>The vector kernels of one instruction set. Also called by tests, to compare one set with another.</summary>
    internal static unsafe void Run<TKernel, TAcc, TWeight, TActivation>(QuantizedCall call)
        where TKernel : struct, IQuantizedKernel<TAcc, TWeight, TActivation>
        where TAcc : struct
        where TWeight : struct
        where TActivation : struct
    {
        var isThin = call.RowCount <= ThinPieces<TKernel, TAcc, TWeight, TActivation>.MaxRows;
        var tileRows = isThin ? call.RowCount : TallPieces<TKernel, TAcc, TWeight, TActivation>.TileRows;
        var product = call.Prepare(tileRows, TKernel.ActivationBytes);
        try
        {
            if (isThin)
            {
                var thin = new ThinPieces<TKernel, TAcc, TWeight, TActivation>(product);
                Parallel(ref thin, product.Layout.Blocks);
            }
            else
            {
                var tall = new TallPieces<TKernel, TAcc, TWeight, TActivation>(product);
                Parallel(ref tall, tall.Count);
            }
        }
        finally
        {
            product.Rows.Release();
        }
    }

    /// <summary>By machine code. Also called by tests, with either way for few rows.</summary>
    internal static void Run(QuantizedCall call, DotProductCode code, bool isThin)
    {
        var product = call.Prepare(isThin ? call.RowCount : DotProductCode.TileRows, activationBytes: 1);
        try
        {
            if (isThin)
            {
                var thin = new ThinCodePieces(product, code);
                Parallel(ref thin, product.Layout.Blocks);
            }
            else
            {
                var tall = new CodePieces(product, code);
                Parallel(ref tall, tall.Count);
            }
        }
        finally
        {
            product.Rows.Release();
        }
    }

    /// <summary>The specification.</summary>
    internal static void RunScalar(QuantizedCall call)
    {
        var product = call.Prepare(tileRows: 1, activationBytes: 1);
        try
        {
            var pieces = new ScalarPieces(product);
            Parallel(ref pieces, call.RowCount);
        }
        finally
        {
            product.Rows.Release();
        }
    }
}
