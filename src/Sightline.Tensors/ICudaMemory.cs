namespace Sightline.Tensors;

/// <summary>
/// What another library needs to work on an engine's tensors where they lie, in the memory of one NVIDIA GPU: addresses, and the stream in whose order the engine's kernels run
/// (<see cref="Engine.Cuda"/>).
/// </summary>
public interface ICudaMemory
{
    /// <summary>The GPU's number as this process counts them.</summary>
    int DeviceIndex { get; }

    /// <summary>The folder of the engine's own library; what is installed with it lies near.</summary>
    string LibraryFolder { get; }

    /// <summary>The stream (<c>cudaStream_t</c>) of the engine's kernels: what is put into it runs after everything before and before everything later.</summary>
    nint Stream { get; }

    /// <summary>Where a tensor's first element lies. Valid until a kernel writes the whole tensor, which may give it other memory, or it is disposed.</summary>
    nint AddressOf(Tensor tensor);

    /// <summary>Does something with the GPU as the calling thread's current device.</summary>
    void OnDevice(Action work);
}
