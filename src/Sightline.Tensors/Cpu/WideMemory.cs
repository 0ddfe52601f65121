using Sightline.Tensors.Memory;

namespace Sightline.Tensors.Cpu;

/// <summary>Pooled float32 memory for the time of a kernel.</summary>
internal readonly unsafe ref struct FloatBlock(long count) : IDisposable
{
    private readonly NativeBlock _block = NativePool.Shared.Rent(count * sizeof(float));

    public float* Data => (float*)_block.Pointer;

    public void Dispose() => _block.Release();
}

/// <summary>A tensor's values as float32: its own memory, or a copy where it has another type.</summary>
internal readonly unsafe ref struct WideCopy : IDisposable
{
    private readonly NativeBlock? _block;

    public WideCopy(Tensor tensor)
    {
        Data = (float*)tensor.Data;
        if (tensor.DType == DType.Float32) return;
        _block = NativePool.Shared.Rent(tensor.Count * sizeof(float));
        Data = (float*)_block.Pointer;
        var cast = new WidenPieces(tensor, Data);
        CpuEngine.Parallel(ref cast, cast.Pieces);
    }

    public float* Data { get; }

    public void Dispose() => _block?.Release();
}

/// <summary>Where a kernel writes float32: the tensor's own memory, or a block that is rounded into it at the end.</summary>
internal readonly unsafe ref struct WideResult : IDisposable
{
    private readonly NativeBlock? _block;
    private readonly Tensor _target;

    public WideResult(Tensor target)
    {
        _target = target;
        Data = (float*)target.Data;
        if (target.DType == DType.Float32) return;
        _block = NativePool.Shared.Rent(target.Count * sizeof(float));
        Data = (float*)_block.Pointer;
    }

    public float* Data { get; }

    public void Dispose()
    {
        if (_block is null) return;
        var cast = new NarrowPieces(Data, _target);
        CpuEngine.Parallel(ref cast, cast.Pieces);
        _block.Release();
    }
}

internal readonly unsafe struct WidenPieces(Tensor source, float* target) : Threading.IPieces
{
    private const int Size = 1 << 14;
    private readonly byte* _source = (byte*)source.Data;
    private readonly DType _type = source.DType;
    private readonly long _count = source.Count;

    public int Pieces => CpuEngine.PieceCount(_count, Size);

    public void Run(int piece)
    {
        var first = (long)piece * Size;
        CpuEngine.Widen(_source + (first * _type.Size()), _type, target + first, (int)Math.Min(Size, _count - first));
    }
}

internal readonly unsafe struct NarrowPieces(float* source, Tensor target) : Threading.IPieces
{
    private const int Size = 1 << 14;
    private readonly byte* _target = (byte*)target.Data;
    private readonly DType _type = target.DType;
    private readonly long _count = target.Count;

    public int Pieces => CpuEngine.PieceCount(_count, Size);

    public void Run(int piece)
    {
        var first = (long)piece * Size;
        CpuEngine.Narrow(source + first, _target + (first * _type.Size()), _type, (int)Math.Min(Size, _count - first));
    }
}
