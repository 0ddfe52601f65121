using System.Buffers;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void TopK(Tensor x, Tensor values, Tensor indices, int k)
    {
        if (k == 0) return;
        var pieces = new TopKPieces(new FloatView(x), new FloatView(values), indices.I64, x.Shape.Rows, x.Shape.Columns, k);
        Parallel(ref pieces, RowPieces(x.Shape.Rows, x.Shape.Columns, out pieces.RowsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe void TopKBackward(Tensor indices, Tensor dy, Tensor dx)
    {
        Clear(dx);
        var (k, columns) = (dy.Shape.Columns, dx.Shape.Columns);
        var (from, to) = (new FloatView(dy), new FloatView(dx));
        var at = indices.I64;
        float value;
        for (long i = 0; i < dy.Count; i++)
        {
            var position = (i / k * columns) + at[i];
            *to.Target(position, &value) = from[i];
            to.Commit(position, 1, &value);
        }
    }

    private unsafe struct TopKPieces(FloatView x, FloatView values, long* indices, long rows, int columns, int k) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var wide = Scratch.Rent(0, columns);
            var best = Scratch.Rent(1, k);
            var keys = ArrayPool<ulong>.Shared.Rent(columns);
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var source = x.Read(row * columns, columns, wide);
                for (var i = 0; i < columns; i++) keys[i] = Key(source[i], i);
                SelectSmallest(keys.AsSpan(0, columns), k);
                var target = values.Target(row * k, best);
                for (var i = 0; i < k; i++)
                {
                    var at = (int)(uint)keys[i];
                    indices[(row * k) + i] = at;
                    target[i] = source[at];
                }

                values.Commit(row * k, k, best);
            }

            ArrayPool<ulong>.Shared.Return(keys);
        }

        /// <summary>Ascending keys are descending values, earlier positions first; NaN before all.</summary>
        private static ulong Key(float value, int position)
        {
            var bits = BitConverter.SingleToUInt32Bits(value == 0 ? 0f : value);
            var ascending = (bits & 0x80000000) != 0 ? ~bits : bits | 0x80000000;
            var descending = float.IsNaN(value) ? 0u : ~ascending;
            return ((ulong)descending << 32) | (uint)position;
        }

        /// <summary>The k smallest keys, sorted, at the front (quickselect, then a sort of that part). Keys are distinct.</summary>
        private static void SelectSmallest(Span<ulong> keys, int k)
        {
            var (low, high) = (0, keys.Length - 1);
            while (low < high)
            {
                var pivot = keys[low + ((high - low) / 2)];
                var (i, j) = (low, high);
                while (i <= j)
                {
                    while (keys[i] < pivot) i++;
                    while (keys[j] > pivot) j--;
                    if (i > j) break;
                    (keys[i], keys[j]) = (keys[j], keys[i]);
                    i++;
                    j--;
                }

                if (k - 1 <= j) high = j;
                else if (k - 1 >= i) low = i;
                else break;
            }

            keys[..k].Sort();
        }
    }
}
