using Sightline.Tensors.Memory;

namespace Sightline.Tensors.LibTorch.Native;

/// <summary>
/// Memory of libtorch below one or more tensors: a tensor object of the library, which its allocator gets back with the last reference. Made by the first
/// write or read, so that a kernel can hand over the result that an operator made (<see cref="Replace"/>) instead of copying it.
/// </summary>
internal sealed class TorchStorage(MemoryMeter meter, LibTorchLibrary native, DType type, long count) : TensorStorage(meter, count * type.Size())
{
    private nint _handle;

    /// <summary>Whether there is memory yet.</summary>
    public bool IsMade => _handle != 0;

    /// <summary>Elements of the whole memory.</summary>
    public long Count => count;

    /// <summary>The library's tensor; only its memory counts, not its shape.</summary>
    public unsafe nint Handle(int deviceType, int deviceIndex)
    {
        if (_handle != 0) return _handle;
        long size = Math.Max(count, 1), stride = 1;
        nint made;
        native.Check(native.EmptyStrided(1, &size, &stride, native.Types[(int)type], deviceType, deviceIndex, &made), "libtorch: a new tensor");
        return _handle = made;
    }

    /// <summary>Takes over a dense tensor of this size and type in place of the memory so far.</summary>
    public void Replace(nint handle)
    {
        Delete();
        _handle = handle;
    }

    protected override void Free() => Delete();

    private unsafe void Delete()
    {
        var old = Interlocked.Exchange(ref _handle, 0);
        if (old != 0) native.DeleteTensor(old);
    }
}
