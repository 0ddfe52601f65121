using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override void Binary(BinaryKind kind, Tensor a, Tensor b, Tensor y)
    {
        switch (kind)
        {
            case BinaryKind.Add: MapBroadcast(a, b, y, default(AddKernel)); break;
            case BinaryKind.Sub: MapBroadcast(a, b, y, default(SubKernel)); break;
            case BinaryKind.Mul: MapBroadcast(a, b, y, default(MulKernel)); break;
            case BinaryKind.Div: MapBroadcast(a, b, y, default(DivKernel)); break;
            case BinaryKind.Minimum: MapBroadcast(a, b, y, default(MinimumKernel)); break;
            case BinaryKind.Maximum: MapBroadcast(a, b, y, default(MaximumKernel)); break;
            case BinaryKind.Precedes: MapBroadcast(a, b, y, default(PrecedesKernel)); break;
            default: throw new ShapeException($"Binary: unknown function {kind}");
        }
    }

    /// <inheritdoc/>
    public override unsafe void Select(Tensor mask, Tensor a, Tensor b, Tensor y)
    {
        var plan = BroadcastPlan.Of(y.Shape, a.Shape, b.Shape, mask.Shape);
        var pieces = new SelectPieces((byte*)mask.Data, new FloatView(a), new FloatView(b), new FloatView(y), plan);
        Parallel(ref pieces, RowPieces(plan.Rows, plan.Inner, out pieces.RowsPerPiece));
    }

    /// <summary>y = kernel(a, b) with broadcasting.</summary>
    internal static void MapBroadcast<K>(Tensor a, Tensor b, Tensor y, K kernel)
        where K : struct, IBinaryKernel
    {
        if (a.Shape == b.Shape)
        {
            Map(a, b, y, kernel);
            return;
        }

        var plan = BroadcastPlan.Of(y.Shape, a.Shape, b.Shape, default);
        var pieces = new BroadcastPieces<K>(new FloatView(a), new FloatView(b), new FloatView(y), plan, kernel);
        Parallel(ref pieces, RowPieces(plan.Rows, plan.Inner, out pieces.RowsPerPiece));
    }

    /// <summary>Cuts rows into pieces of about <see cref="ElementwisePiece"/> elements, whole rows each.</summary>
    private static int RowPieces(long rows, long columns, out long rowsPerPiece)
    {
        rowsPerPiece = Math.Max(1, ElementwisePiece / Math.Max(columns, 1));
        return columns == 0 ? 0 : checked((int)((rows + rowsPerPiece - 1) / rowsPerPiece));
    }

    private unsafe struct BroadcastPieces<K>(FloatView a, FloatView b, FloatView y, BroadcastPlan plan, K kernel) : IPieces
        where K : struct, IBinaryKernel
    {
        public long RowsPerPiece;

        [SkipLocalsInit]
        public readonly void Run(int piece)
        {
            var columns = plan.Inner;
            var (alongA, alongB, _) = plan.InnerStep;
            var left = stackalloc float[WidenBlock];
            var right = stackalloc float[WidenBlock];
            var end = Math.Min((piece + 1) * RowsPerPiece, plan.Rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var (startA, startB, _) = plan.RowStart(row);
                for (long j = 0; j < columns; j += WidenBlock)
                {
                    var length = (int)Math.Min(WidenBlock, columns - j);
                    var target = y.Target((row * columns) + j, left);
                    if (!alongB)
                        Elementwise.Map(Read(a, startA, j, alongA, length, left), target, length, new WithRight<K>(kernel, b[startB]));
                    else if (!alongA)
                        Elementwise.Map(b.Read(startB + j, length, right), target, length, new WithLeft<K>(kernel, a[startA]));
                    else
                        Elementwise.Map(a.Read(startA + j, length, left), b.Read(startB + j, length, right), target, length, kernel);
                    y.Commit((row * columns) + j, length, left);
                }
            }
        }

        private static float* Read(FloatView x, long start, long offset, bool along, int length, float* scratch)
        {
            if (along) return x.Read(start + offset, length, scratch);
            new Span<float>(scratch, length).Fill(x[start]);
            return scratch;
        }
    }

    private unsafe struct SelectPieces(byte* mask, FloatView a, FloatView b, FloatView y, BroadcastPlan plan) : IPieces
    {
        public long RowsPerPiece;

        [SkipLocalsInit]
        public readonly void Run(int piece)
        {
            var columns = plan.Inner;
            var (alongA, alongB, alongMask) = plan.InnerStep;
            var left = stackalloc float[WidenBlock];
            var right = stackalloc float[WidenBlock];
            var end = Math.Min((piece + 1) * RowsPerPiece, plan.Rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var (startA, startB, startMask) = plan.RowStart(row);
                for (long j = 0; j < columns; j += WidenBlock)
                {
                    var length = (int)Math.Min(WidenBlock, columns - j);
                    var target = y.Target((row * columns) + j, left);
                    var yes = alongA ? a.Read(startA + j, length, left) : null;
                    var no = alongB ? b.Read(startB + j, length, right) : null;
                    var yesValue = alongA ? 0 : a[startA];
                    var noValue = alongB ? 0 : b[startB];
                    for (var i = 0; i < length; i++)
                    {
                        var on = mask[startMask + (alongMask ? j + i : 0)] != 0;
                        target[i] = on ? (yes != null ? yes[i] : yesValue) : (no != null ? no[i] : noValue);
                    }

                    y.Commit((row * columns) + j, length, left);
                }
            }
        }
    }
}
