using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>Brings float32 weights from the order of checkpoints [O, C, KernelH, KernelW] into that of a kernel, and back; C is that of a group.</summary>
internal readonly unsafe struct WeightOrder(float* source, ConvGeometry g, float* target, WeightOrder.Kind kind) : IPieces
{
    internal enum Kind
    {
        /// <summary>[O, KernelH, KernelW, C].</summary>
        Patches,

        /// <summary>From [O, KernelH, KernelW, C] back to [O, C, KernelH, KernelW].</summary>
        FromPatches,

        /// <summary>[groups, C, KernelH, KernelW, O / groups], the kernel turned by half a turn: a convolution with it carries gradients back.</summary>
        Turned,

        /// <summary>[KernelH, KernelW, O], for C = 1.</summary>
        Taps,

        /// <summary>From [KernelH, KernelW, O], for C = 1.</summary>
        FromTaps,
    }

    private int Taps => g.KernelH * g.KernelW;

    private int Pieces => kind switch
    {
        Kind.Turned => g.C,
        Kind.Taps or Kind.FromTaps => 1,
        _ => g.O,
    };

    public static void Run(float* source, ConvGeometry g, float* target, Kind kind)
    {
        var order = new WeightOrder(source, g, target, kind);
        CpuEngine.Parallel(ref order, order.Pieces);
    }

    public void Run(int piece)
    {
        var (C, taps) = (g.GroupC, Taps);
        var size = (long)C * taps;
        switch (kind)
        {
            case Kind.Patches:
                StridedLines.Transpose(source + (piece * size), taps, target + (piece * size), C, C, taps);
                break;
            case Kind.FromPatches:
                StridedLines.Transpose(source + (piece * size), C, target + (piece * size), taps, taps, C);
                break;
            case Kind.Turned:
                var (group, c) = Math.DivRem(piece, C);
                var last = target + ((((long)piece * taps) + taps - 1) * g.GroupO);
                StridedLines.Transpose(source + (group * g.GroupO * size) + (c * taps), (nint)size, last, -g.GroupO, g.GroupO, taps);
                break;
            case Kind.Taps:
                StridedLines.Transpose(source, taps, target, g.O, g.O, taps);
                break;
            default:
                StridedLines.Transpose(source, g.O, target, taps, taps, g.O);
                break;
        }
    }
}
