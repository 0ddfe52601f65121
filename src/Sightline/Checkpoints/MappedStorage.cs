using System.Runtime.InteropServices;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Memory;

namespace Sightline.Checkpoints;

/// <summary>Bytes of a mapped file below a tensor. Counted as none: the pages are the file cache's, not the engine's.</summary>
internal sealed class MappedStorage : TensorStorage
{
    private readonly SafeBuffer _mapping;
    private readonly long _length;

    public MappedStorage(SafeBuffer mapping, nint address, long length)
        : base(CpuEngine.Instance.Memory, 0, address)
    {
        (_mapping, _length) = (mapping, length);
        var added = false;
        mapping.DangerousAddRef(ref added);
    }

    protected override void Free()
    {
        MappedPages.Release(HostAddress, _length);
        _mapping.DangerousRelease();
    }
}
