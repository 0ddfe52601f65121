using Sightline.Tensors.LibTorch.Native;

namespace Sightline.Tensors.LibTorch;

/// <summary>The memory of an engine's GPU, for libraries beside libtorch.</summary>
internal sealed unsafe class TorchCuda(LibTorchEngine engine) : ICudaMemory
{
    private readonly LibTorchLibrary _native = engine.Native;

    public int DeviceIndex => engine.DeviceIndex;

    public string LibraryFolder => Path.GetDirectoryName(_native.Path) ?? "";

    public nint Stream => _native.CudaStream(engine.DeviceIndex);

    public nint AddressOf(Tensor tensor) => engine.AddressOf(tensor);

    public void OnDevice(Action work)
    {
        nint guard;
        _native.Check(_native.CreateDeviceGuard(engine.DeviceIndex, &guard), "the current device");
        try
        {
            work();
        }
        finally
        {
            _native.DeleteDeviceGuard(guard);
        }
    }
}
