using Sightline.Tensors.Memory;

namespace Sightline.Tensors.Tests.Reference;

/// <summary>Memory of the <see cref="ReferenceEngine"/>: a managed array, which has no fixed address, as that of a device would have none.</summary>
internal sealed class ManagedStorage(MemoryMeter meter, byte[] bytes) : TensorStorage(meter, bytes.Length)
{
    private byte[]? _bytes = bytes;

    public byte[] Data => _bytes ?? throw new ObjectDisposedException(nameof(ManagedStorage));

    protected override void Free() => _bytes = null;
}
