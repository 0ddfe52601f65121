using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>
/// Activations after quantization, in tiles of a few rows, as the kernels read them: for each quad of inputs, the four
/// numbers of row 0, of row 1, ... (8 or 16 bits each); for each group, the rows' scales, and the offset corrections
/// -offset x (sum of the group's numbers). Rows that fill up the last tile are zero. Lives in pooled memory for one call.
/// </summary>
internal readonly unsafe struct QuantizedRows
{
    public readonly int TileRows;
    public readonly int Tiles;
    private readonly NativeBlock _block;
    private readonly byte* _numbers;
    private readonly float* _scales;
    private readonly int* _corrections;
    private readonly int _units;
    private readonly int _groups;
    private readonly int _activationBytes;

    public QuantizedRows(int rows, int tileRows, int units, int groups, int activationBytes)
    {
        TileRows = tileRows;
        Tiles = (rows + tileRows - 1) / tileRows;
        (_units, _groups, _activationBytes) = (units, groups, activationBytes);
        var numberBytes = Tiles * NumberStride;
        var scaleBytes = (long)Tiles * tileRows * groups * sizeof(float);
        _block = NativePool.Shared.Rent(numberBytes + (2 * scaleBytes));
        _numbers = (byte*)_block.Pointer;
        _scales = (float*)(_numbers + numberBytes);
        _corrections = (int*)(_numbers + numberBytes + scaleBytes);
    }

    /// <summary>Bytes of one row's four numbers.</summary>
    public int QuadBytes => 4 * _activationBytes;

    public long NumberStride => (long)TileRows * _units * 8 * _activationBytes;

    /// <summary>A tile's numbers from a unit on.</summary>
    public byte* Numbers(int tile, int unit = 0) => _numbers + (tile * NumberStride) + ((long)unit * 8 * TileRows * _activationBytes);

    /// <summary>A tile's scales from a group on: [groups, TileRows].</summary>
    public float* Scales(int tile, int group = 0) => _scales + (((long)tile * _groups) + group) * TileRows;

    /// <summary>A tile's corrections from a group on: [groups, TileRows].</summary>
    public int* Corrections(int tile, int group = 0) => _corrections + (((long)tile * _groups) + group) * TileRows;

    public void Release() => _block.Release();
}

/// <summary>
/// Quantizes one tile of rows a piece. A group whose largest magnitude is NaN or infinite gets a NaN scale; one of zeros (or so
/// small that 127 / max overflows) counts as zero.
/// </summary>
internal readonly unsafe struct QuantizeRows(QuantizedRows target, byte* x, DType type, int rows, int columns, int units, int groupSize, int offset, int activationBytes) : IPieces
{
    private const int MaxGroup = 128;

    [SkipLocalsInit]
    public void Run(int piece)
    {
        var wide = stackalloc float[MaxGroup];
        for (var r = 0; r < target.TileRows; r++)
        {
            var row = (piece * target.TileRows) + r;
            for (int start = 0, group = 0; start < units * 8; start += groupSize, group++)
            {
                var padded = Math.Min(groupSize, (units * 8) - start);
                var count = row < rows ? Math.Clamp(columns - start, 0, padded) : 0;
                var source = wide;
                if (count == padded && type == DType.Float32)
                {
                    source = (float*)x + ((long)row * columns) + start;
                }
                else
                {
                    if (count > 0) CpuEngine.Widen(x + ((((long)row * columns) + start) * type.Size()), type, wide, count);
                    new Span<float>(wide + count, padded - count).Clear();
                }

                QuantizeGroup(source, padded, target.Numbers(piece, start / 8) + (r * 4 * activationBytes), target.Scales(piece, group) + r, target.Corrections(piece, group) + r);
            }
        }
    }

    /// <summary>A multiple of 32 numbers.</summary>
    private void QuantizeGroup(float* source, int count, byte* numbers, float* scale, int* correction)
    {
        var largest = Largest(source, count);
        var inverse = 127 / largest;
        var isUsable = float.IsFinite(largest) && float.IsFinite(inverse);
        *scale = isUsable ? largest / 127 : float.IsFinite(largest) ? 0 : float.NaN;
        var quadStride = target.TileRows * 4 * activationBytes;
        var total = Vector256<int>.Zero;
        for (var i = 0; i < count; i += 8, numbers += 2 * quadStride)
        {
            var values = isUsable ? Vector256.ConvertToInt32(Vector256.Round(Vector256.Load(source + i) * Vector256.Create(inverse))) : Vector256<int>.Zero;
            total += values;
            var shorts = Vector128.Narrow(values.GetLower(), values.GetUpper());
            if (activationBytes == 2)
            {
                *(ulong*)numbers = shorts.AsUInt64()[0];
                *(ulong*)(numbers + quadStride) = shorts.AsUInt64()[1];
            }
            else
            {
                var bytes = Vector128.Narrow(shorts, shorts).AsUInt32();
                *(uint*)numbers = bytes[0];
                *(uint*)(numbers + quadStride) = bytes[1];
            }
        }

        *correction = -offset * Vector256.Sum(total);
    }

    /// <summary>max |x|, NaN where there is one. As integers, magnitudes keep their order and NaN is largest.</summary>
    private static float Largest(float* source, int count)
    {
        var largest = Vector256<int>.Zero;
        for (var i = 0; i < count; i += 8)
            largest = Vector256.Max(largest, Vector256.Load((int*)(source + i)) & Vector256.Create(int.MaxValue));
        var half = Vector128.Max(largest.GetLower(), largest.GetUpper());
        return BitConverter.Int32BitsToSingle(Math.Max(Math.Max(half[0], half[1]), Math.Max(half[2], half[3])));
    }
}
