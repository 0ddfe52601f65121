using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <summary>Elements of a piece of an elementwise loop; the 16-bit types are widened in blocks that stay in the first cache.</summary>
    private const int ElementwisePiece = 1 << 14;

    private const int WidenBlock = 1024;

    /// <inheritdoc/>
    public override void Unary(UnaryKind kind, Tensor x, Tensor y, float a = 0, float b = 0)
    {
        switch (kind)
        {
            case UnaryKind.Neg: Map(x, y, default(NegKernel)); break;
            case UnaryKind.Exp: Map(x, y, default(ExpKernel)); break;
            case UnaryKind.Log: Map(x, y, default(LogKernel)); break;
            case UnaryKind.Sqrt: Map(x, y, default(SqrtKernel)); break;
            case UnaryKind.Square: Map(x, y, default(SquareKernel)); break;
            case UnaryKind.Abs: Map(x, y, default(AbsKernel)); break;
            case UnaryKind.Relu: Map(x, y, default(ReluKernel)); break;
            case UnaryKind.Sigmoid: Map(x, y, default(SigmoidKernel)); break;
            case UnaryKind.Tanh: Map(x, y, default(TanhKernel)); break;
            case UnaryKind.GeluErf: Map(x, y, default(GeluErfKernel)); break;
            case UnaryKind.GeluTanh: Map(x, y, default(GeluTanhKernel)); break;
            case UnaryKind.QuickGelu: Map(x, y, default(QuickGeluKernel)); break;
            case UnaryKind.Silu: Map(x, y, default(SiluKernel)); break;
            case UnaryKind.Softplus: Map(x, y, default(SoftplusKernel)); break;
            case UnaryKind.LogSigmoid: Map(x, y, default(LogSigmoidKernel)); break;
            case UnaryKind.Logit: Map(x, y, new LogitKernel(a)); break;
            case UnaryKind.Clamp: Map(x, y, new ClampKernel(a, b)); break;
            case UnaryKind.Scale: Map(x, y, new ScaleKernel(a)); break;
            case UnaryKind.AddScalar: Map(x, y, new ShiftKernel(a)); break;
            default: throw new ShapeException($"Unary: unknown function {kind}");
        }
    }

    /// <inheritdoc/>
    public override void UnaryBackward(UnaryKind kind, Tensor saved, Tensor dy, Tensor dx, float a = 0, float b = 0)
    {
        switch (kind)
        {
            case UnaryKind.Neg: Map(saved, dy, dx, default(NegGradient)); break;
            case UnaryKind.Exp: Map(saved, dy, dx, default(ExpGradient)); break;
            case UnaryKind.Log: Map(saved, dy, dx, default(LogGradient)); break;
            case UnaryKind.Sqrt: Map(saved, dy, dx, default(SqrtGradient)); break;
            case UnaryKind.Square: Map(saved, dy, dx, default(SquareGradient)); break;
            case UnaryKind.Abs: Map(saved, dy, dx, default(AbsGradient)); break;
            case UnaryKind.Relu: Map(saved, dy, dx, default(ReluGradient)); break;
            case UnaryKind.Sigmoid: Map(saved, dy, dx, default(SigmoidGradient)); break;
            case UnaryKind.Tanh: Map(saved, dy, dx, default(TanhGradient)); break;
            case UnaryKind.GeluErf: Map(saved, dy, dx, default(GeluErfGradient)); break;
            case UnaryKind.GeluTanh: Map(saved, dy, dx, default(GeluTanhGradient)); break;
            case UnaryKind.QuickGelu: Map(saved, dy, dx, default(QuickGeluGradient)); break;
            case UnaryKind.Silu: Map(saved, dy, dx, default(SiluGradient)); break;
            case UnaryKind.Softplus: Map(saved, dy, dx, default(SoftplusGradient)); break;
            case UnaryKind.LogSigmoid: Map(saved, dy, dx, default(LogSigmoidGradient)); break;
            case UnaryKind.Logit: Map(saved, dy, dx, new LogitGradient(a)); break;
            case UnaryKind.Clamp: Map(saved, dy, dx, new ClampGradient(a, b)); break;
            case UnaryKind.Scale: Map(saved, dy, dx, new ScaleGradient(a)); break;
            case UnaryKind.AddScalar: Map(saved, dy, dx, default(SecondKernel)); break;
            default: throw new ShapeException($"UnaryBackward: unknown function {kind}");
        }
    }

    /// <summary>y = kernel(x); counts agree.</summary>
    internal static void Map<K>(Tensor x, Tensor y, K kernel)
        where K : struct, IUnaryKernel
    {
        var pieces = new UnaryPieces<K>(new FloatView(x), new FloatView(y), x.Count, kernel);
        Parallel(ref pieces, PieceCount(x.Count, ElementwisePiece));
    }

    /// <summary>y = kernel(a, b); counts agree.</summary>
    internal static void Map<K>(Tensor a, Tensor b, Tensor y, K kernel)
        where K : struct, IBinaryKernel
    {
        var pieces = new BinaryPieces<K>(new FloatView(a), new FloatView(b), new FloatView(y), y.Count, kernel);
        Parallel(ref pieces, PieceCount(y.Count, ElementwisePiece));
    }

    private readonly unsafe struct UnaryPieces<K>(FloatView x, FloatView y, long count, K kernel) : IPieces
        where K : struct, IUnaryKernel
    {
        [SkipLocalsInit]
        public void Run(int piece)
        {
            var start = (long)piece * ElementwisePiece;
            var end = Math.Min(start + ElementwisePiece, count);
            if (x.IsFloat32 && y.IsFloat32)
            {
                Elementwise.Map(x.Read(start, 0, null), y.Target(start, null), (int)(end - start), kernel);
                return;
            }

            var block = stackalloc float[WidenBlock];
            for (var i = start; i < end; i += WidenBlock)
            {
                var length = (int)Math.Min(WidenBlock, end - i);
                Elementwise.Map(x.Read(i, length, block), y.Target(i, block), length, kernel);
                y.Commit(i, length, block);
            }
        }
    }

    private readonly unsafe struct BinaryPieces<K>(FloatView a, FloatView b, FloatView y, long count, K kernel) : IPieces
        where K : struct, IBinaryKernel
    {
        [SkipLocalsInit]
        public void Run(int piece)
        {
            var start = (long)piece * ElementwisePiece;
            var end = Math.Min(start + ElementwisePiece, count);
            if (a.IsFloat32 && b.IsFloat32 && y.IsFloat32)
            {
                Elementwise.Map(a.Read(start, 0, null), b.Read(start, 0, null), y.Target(start, null), (int)(end - start), kernel);
                return;
            }

            var left = stackalloc float[WidenBlock];
            var right = stackalloc float[WidenBlock];
            for (var i = start; i < end; i += WidenBlock)
            {
                var length = (int)Math.Min(WidenBlock, end - i);
                Elementwise.Map(a.Read(i, length, left), b.Read(i, length, right), y.Target(i, left), length, kernel);
                y.Commit(i, length, left);
            }
        }
    }
}
