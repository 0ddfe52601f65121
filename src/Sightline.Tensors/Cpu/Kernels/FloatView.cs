using System.Runtime.CompilerServices;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>
/// Float memory of any of the three float types, read and written as float32. float32 memory is used in place; the 16-bit types are widened
/// into the caller's scratch and rounded once on the way back.
/// </summary>
internal readonly unsafe struct FloatView
{
    private readonly byte* _data;
    private readonly DType _type;

    public FloatView(Tensor tensor)
    {
        if (!tensor.DType.IsFloat()) throw new ShapeException($"expected a float tensor, got {tensor}");
        _data = (byte*)tensor.Data;
        _type = tensor.DType;
    }

    public bool IsFloat32 => _type == DType.Float32;

    /// <summary>The elements from <paramref name="start"/>; in <paramref name="scratch"/> where they had to be widened.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Read(long start, int count, float* scratch)
    {
        if (_type == DType.Float32) return (float*)_data + start;
        CpuEngine.Widen(_data + (start * 2), _type, scratch, count);
        return scratch;
    }

    /// <summary>Where to write; finish with <see cref="Commit"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Target(long start, float* scratch) => _type == DType.Float32 ? (float*)_data + start : scratch;

    /// <summary>Rounds what was written into scratch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Commit(long start, int count, float* scratch)
    {
        if (_type != DType.Float32) CpuEngine.Narrow(scratch, _data + (start * 2), _type, count);
    }

    /// <summary>One element.</summary>
    public float this[long index] => _type switch
    {
        DType.Float32 => ((float*)_data)[index],
        DType.BFloat16 => (float)((BFloat16*)_data)[index],
        _ => (float)((Half*)_data)[index],
    };
}
