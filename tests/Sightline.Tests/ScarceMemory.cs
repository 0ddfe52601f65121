using Sightline.Tensors.Memory;

namespace Sightline.Tests;

/// <summary>A machine with so many bytes free, until it is disposed. Only for tests that run alone.</summary>
internal sealed class ScarceMemory : IDisposable
{
    public ScarceMemory(long bytes) => SystemMemory.Override = () => bytes;

    public void Dispose() => SystemMemory.Override = null;
}
