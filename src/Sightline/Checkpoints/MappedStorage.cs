using System.Runtime.InteropServices;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Memory;

namespace Sightline.Checkpoints;

/// <summary>Bytes of a mapped file below a tensor. Counted as none: the pages are the file cache's, not the engine's.</summary>
internal sealed class MappedStorage : TensorStorage
{
    private readonly SafeBuffer _mapping;

    public MappedStorage(SafeBuffer mapping, nint address)
        : base(CpuEngine.Instance.Memory, 0, address)
    {
        _mapping = mapping;
        var added = false;
        mapping.DangerousAddRef(ref added);
    }

    protected override void Free() => _mapping.DangerousRelease();
}
