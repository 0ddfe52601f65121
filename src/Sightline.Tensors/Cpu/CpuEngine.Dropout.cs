using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override void Dropout(Tensor x, Tensor y, float p, ulong seed)
    {
        var pieces = new DropoutPieces(new FloatView(x), new FloatView(y), x.Count, (uint)(p * 4294967296.0), 1f / (1f - p), seed);
        Parallel(ref pieces, PieceCount(x.Count, ElementwisePiece));
    }

    private readonly unsafe struct DropoutPieces(FloatView x, FloatView y, long count, uint threshold, float scale, ulong seed) : IPieces
    {
        [SkipLocalsInit]
        public void Run(int piece)
        {
            var start = (long)piece * ElementwisePiece;
            var end = Math.Min(start + ElementwisePiece, count);
            var block = stackalloc float[WidenBlock];
            for (var i = start; i < end; i += WidenBlock)
            {
                var length = (int)Math.Min(WidenBlock, end - i);
                var source = x.Read(i, length, block);
                var target = y.Target(i, block);
                for (var j = 0; j < length; j += 2)
                {
                    var bits = Hash((ulong)(i + j) >> 1);
                    target[j] = (uint)bits < threshold ? 0f : source[j] * scale;
                    if (j + 1 < length) target[j + 1] = (uint)(bits >> 32) < threshold ? 0f : source[j + 1] * scale;
                }

                y.Commit(i, length, block);
            }
        }

        private ulong Hash(ulong counter)
        {
            var z = seed + (counter * 0x9E3779B97F4A7C15);
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
