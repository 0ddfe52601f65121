using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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
                Mask(source, target, (ulong)i, length);
                y.Commit(i, length, block);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Mask(float* source, float* target, ulong first, int length)
        {
            // a piece never crosses 2^32: the upper half of the counter goes into the key
            var key = (uint)seed ^ ((uint)(first >> 32) * 0x9E3779B9);
            var salt = (uint)(seed >> 32);
            var j = 0;
            for (; j <= length - 8; j += 8)
            {
                var h = (Vector256.Create((uint)first + (uint)j) + Vector256<uint>.Indices) * 0x9E3779B1 ^ Vector256.Create(key);
                h = (h ^ Vector256.ShiftRightLogical(h, 16)) * 0x7FEB352D;
                h = (h ^ Vector256.ShiftRightLogical(h, 15)) + Vector256.Create(salt);
                h *= 0x846CA68B;
                h ^= Vector256.ShiftRightLogical(h, 16);
                var keep = Vector256.GreaterThanOrEqual(h, Vector256.Create(threshold)).AsSingle();
                (Vector256.Load(source + j) * scale & keep).Store(target + j);
            }

            for (; j < length; j++) target[j] = Hash((uint)first + (uint)j, key, salt) < threshold ? 0f : source[j] * scale;
        }

        /// <summary>A 32-bit finalizer of two multiply-xorshift rounds, salted between them.</summary>
        private static uint Hash(uint counter, uint key, uint salt)
        {
            var h = (counter * 0x9E3779B1) ^ key;
            h = (h ^ (h >> 16)) * 0x7FEB352D;
            h = (h ^ (h >> 15)) + salt;
            h *= 0x846CA68B;
            return h ^ (h >> 16);
        }
    }
}
