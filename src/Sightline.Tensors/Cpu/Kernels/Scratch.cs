using System.Runtime.InteropServices;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>
/// Temporary float32 memory of the calling thread, for kernels that widen rows or add partial sums. Grows to the largest request and stays;
/// slots keep the buffers of one kernel apart. Contents do not outlive the piece that asked.
/// </summary>
internal static unsafe class Scratch
{
    private const int Slots = 6;

    [ThreadStatic]
    private static Buffers? s_buffers;

    /// <summary>At least <paramref name="count"/> floats, 64-byte aligned, arbitrary contents.</summary>
    public static float* Rent(int slot, long count) => (s_buffers ??= new Buffers()).Get(slot, count);

    private sealed class Buffers
    {
        private readonly nint[] _pointers = new nint[Slots];
        private readonly long[] _sizes = new long[Slots];

        ~Buffers()
        {
            foreach (var pointer in _pointers) NativeMemory.AlignedFree((void*)pointer);
        }

        public float* Get(int slot, long count)
        {
            if (_sizes[slot] < count)
            {
                NativeMemory.AlignedFree((void*)_pointers[slot]);
                _sizes[slot] = 0;
                _pointers[slot] = 0;
                var size = Math.Max(1024, (count + (count / 4) + 15) & ~15L);
                _pointers[slot] = (nint)NativeMemory.AlignedAlloc((nuint)(size * sizeof(float)), 64);
                _sizes[slot] = size;
            }

            return (float*)_pointers[slot];
        }
    }
}
