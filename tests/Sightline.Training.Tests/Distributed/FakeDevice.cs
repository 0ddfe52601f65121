using Sightline.Tensors;

namespace Sightline.Training.Tests.Distributed;

/// <summary>A GPU as a transport sees it, whose memory is the processor's.</summary>
internal sealed class FakeDevice(Func<Tensor, nint>? addressOf = null, int index = 0) : ICudaMemory
{
    /// <summary>The number of <see cref="Stream"/>.</summary>
    public const int StreamNumber = 0x5EA;

    [ThreadStatic]
    private static int s_depth;

    /// <summary>Whether the thread's current device is this one.</summary>
    public static bool IsCurrent => s_depth > 0;

    public int DeviceIndex => index;

    public string LibraryFolder => "/torch/lib";

    public nint Stream => StreamNumber;

    public nint AddressOf(Tensor tensor) => addressOf?.Invoke(tensor) ?? tensor.Storage.HostAddress + (nint)tensor.ByteOffset;

    public void OnDevice(Action work)
    {
        s_depth++;
        try
        {
            work();
        }
        finally
        {
            s_depth--;
        }
    }
}
