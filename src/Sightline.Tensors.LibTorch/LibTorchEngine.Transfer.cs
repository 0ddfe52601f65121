namespace Sightline.Tensors.LibTorch;

/// <content>
/// Bytes between the processor and the device. To a GPU, larger blocks go through page-locked memory and do not wait for the copy: libtorch's allocator of
/// such memory notes which copy still reads a block and hands it out again only afterwards, so that copies overlap compute. From a GPU every copy waits.
/// </content>
public sealed unsafe partial class LibTorchEngine
{
    private const int PinnedBytes = 16 << 20;
    private const int PinnedLeast = 64 << 10; // below this a plain copy is as fast

    /// <summary>Bytes of the processor into a tensor's memory.</summary>
    internal void Send(ReadOnlySpan<byte> source, nint handle, DType type, long byteOffset) => SendBytes(source, handle, Native.Types[(int)type], type.Size(), byteOffset);

    /// <summary>As above, for any element type of the library, from the first element on.</summary>
    internal void Send(ReadOnlySpan<byte> source, nint handle, int type, int size) => SendBytes(source, handle, type, size, 0);

    private void SendBytes(ReadOnlySpan<byte> source, nint handle, int type, int size, long byteOffset)
    {
        if (!Device.IsCuda)
        {
            source.CopyTo(new Span<byte>(Address(handle) + byteOffset, source.Length));
            return;
        }

        SendInPieces(source, handle, type, size, byteOffset, PinnedBytes, PinnedLeast, Native.EmptyPinned);
    }

    /// <summary>Bytes across in pieces: small ones from where they are, larger ones through blocks that stay untouched until their copy is done. Tests give sizes and blocks of their own.</summary>
    internal void SendInPieces(
        ReadOnlySpan<byte> source, nint handle, int type, int size, long byteOffset, int most, int least, delegate* unmanaged<long, long*, long*, int, int, int, nint*, int> allocate)
    {
        for (var done = 0; done < source.Length;)
        {
            var part = source.Slice(done, Math.Min(most, source.Length - done));
            long count = part.Length / size, one = 1;
            nint here;
            if (part.Length < least)
            {
                fixed (byte* bytes = part)
                {
                    Native.Check(Native.FromBlob(bytes, 1, &count, &one, 0, type, Native.CpuDevice, 0, &here, Native.Strided, null, 0), "aten::from_blob");
                    CopyAcross(handle, (byteOffset + done) / size, here, count, toDevice: true);
                }
            }
            else
            {
                Native.Check(allocate(1, &count, &one, type, Native.CpuDevice, 0, &here), "page-locked memory");
                part.CopyTo(new Span<byte>(Address(here), part.Length));
                CopyAcross(handle, (byteOffset + done) / size, here, count, toDevice: true, wait: false);
            }

            done += part.Length;
        }
    }

    /// <summary>Bytes of a tensor's memory to the processor; waits for the device.</summary>
    private void Fetch(nint handle, DType type, long byteOffset, Span<byte> target)
    {
        if (Device.IsCuda) FetchAcross(handle, type, byteOffset, target);
        else new ReadOnlySpan<byte>(Address(handle) + byteOffset, target.Length).CopyTo(target);
    }

    /// <summary>As from a device.</summary>
    internal void FetchAcross(nint handle, DType type, long byteOffset, Span<byte> target)
    {
        long count = target.Length / type.Size(), one = 1;
        nint here;
        fixed (byte* bytes = target)
        {
            Native.Check(Native.FromBlob(bytes, 1, &count, &one, 0, Native.Types[(int)type], Native.CpuDevice, 0, &here, Native.Strided, null, 0), "aten::from_blob");
            CopyAcross(handle, byteOffset / type.Size(), here, count, toDevice: false);
        }
    }

    private byte* Address(nint handle)
    {
        void* address;
        Native.Check(Native.DataPointer(handle, &address), "a tensor's address");
        return (byte*)address;
    }

    /// <summary>Elements of a device's tensor from or to one of the processor, which it takes over.</summary>
    private void CopyAcross(nint handle, long start, nint here, long count, bool toDevice, bool wait = true)
    {
        nint there;
        long one = 1;
        var code = Native.Reinterpret(handle, 1, &count, &one, start, &there);
        if (code == 0)
        {
            code = toDevice ? Native.CopyInto(there, here, wait ? 0 : 1) : Native.CopyInto(here, there, 0);
            Native.DeleteTensor(there);
        }

        Native.DeleteTensor(here);
        Native.Check(code, "aten::copy_");
    }
}
