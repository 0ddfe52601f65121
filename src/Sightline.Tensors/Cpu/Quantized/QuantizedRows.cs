using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Quantized;

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

    public void Release() => _block?.Release();
}

/// <summary>Which eight bits of a row's numbers are taken.</summary>
internal enum RowRounding : byte
{
    /// <summary>The number of 127ths of the group's largest magnitude that is nearest.</summary>
    First,

    /// <summary>Of what <see cref="First"/> leaves, the nearest number of 254ths of its steps.</summary>
    Rest,
}

/// <summary>
/// Quantizes one tile of rows a piece. A group whose largest magnitude is NaN or infinite gets a NaN scale; one of zeros (or so
/// small that 127 / max overflows) counts as zero.
/// </summary>
internal readonly unsafe struct QuantizeRows(QuantizedRows target, QuantizeRows.Source source, PanelLayout layout, int activationBytes, RowRounding rounding) : IPieces
{
    private const int MaxGroup = 128;

    public void Run(int piece)
    {
        for (var r = 0; r < target.TileRows; r++) Run(piece, r, 0, layout.Groups);
    }

    /// <summary>Some groups of a row of a tile.</summary>
    [SkipLocalsInit]
    public void Run(int tile, int r, int firstGroup, int endGroup)
    {
        var wide = stackalloc float[MaxGroup];
        var (groupSize, end) = (layout.GroupSize, layout.Units * PanelLayout.UnitPositions);
        var row = (tile * target.TileRows) + r;
        for (var group = firstGroup; group < endGroup; group++)
        {
            var start = group * groupSize;
            var padded = Math.Min(groupSize, end - start);
            var numbers = source.Load(row, start, padded, wide, rounding == RowRounding.Rest);
            QuantizeGroup(numbers, padded, target.Numbers(tile, start / 8) + (r * 4 * activationBytes), target.Scales(tile, group) + r, target.Corrections(tile, group) + r);
        }
    }

    /// <summary>A multiple of 32 numbers, which are used up where only their rest is wanted.</summary>
    private void QuantizeGroup(float* values, int count, byte* numbers, float* scale, int* correction)
    {
        var largest = Largest(values, count);
        var (inverse, step) = (127 / largest, largest / 127);
        var isUsable = float.IsFinite(largest) && float.IsFinite(inverse);
        if (isUsable && rounding == RowRounding.Rest)
        {
            for (var i = 0; i < count; i += 8)
            {
                var value = Vector256.Load(values + i);
                Vector256.FusedMultiplyAdd(Vector256.Round(value * Vector256.Create(inverse)), Vector256.Create(-step), value).Store(values + i);
            }

            (inverse, step) = (254 / step, step / 254);
            isUsable = float.IsFinite(inverse);
        }

        *scale = isUsable ? step : float.IsFinite(largest) ? 0 : float.NaN;
        var quadStride = target.TileRows * 4 * activationBytes;
        var total = Vector256<int>.Zero;
        for (var i = 0; i < count; i += 8, numbers += 2 * quadStride)
        {
            var rounded = isUsable ? Vector256.ConvertToInt32(Vector256.Round(Vector256.Load(values + i) * Vector256.Create(inverse))) : Vector256<int>.Zero;
            total += rounded;
            var shorts = Vector128.Narrow(rounded.GetLower(), rounded.GetUpper());
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

        *correction = -(layout.Format == QuantizedFormat.Int8 ? 128 : 8) * Vector256.Sum(total);
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

    /// <summary>The numbers to quantize.</summary>
    /// <param name="x">[rows, columns].</param>
    /// <param name="type">Of its elements.</param>
    /// <param name="rows">Rows; those beyond are zero.</param>
    /// <param name="columns">Columns; those beyond are zero.</param>
    /// <param name="factors">What each column is multiplied by, padded to the next 32; or null.</param>
    internal readonly struct Source(byte* x, DType type, int rows, int columns, float* factors)
    {
        private readonly byte* _x = x;
        private readonly float* _factors = factors;

        /// <summary>Some numbers of a row, where they lie or in the buffer.</summary>
        public float* Load(int row, int start, int padded, float* wide, bool copies)
        {
            var count = row < rows ? Math.Clamp(columns - start, 0, padded) : 0;
            var at = _x + ((((long)row * columns) + start) * type.Size());
            if (count == padded && type == DType.Float32 && _factors == null && !copies) return (float*)at;
            if (count > 0) CpuEngine.Widen(at, type, wide, count);
            new Span<float>(wide + count, padded - count).Clear();
            for (var i = 0; _factors != null && i < count; i += 8) (Vector256.Load(wide + i) * Vector256.Load(_factors + start + i)).Store(wide + i);
            return wide;
        }
    }
}
