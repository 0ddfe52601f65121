using System.Runtime.InteropServices;
using Sightline.Tensors.Libraries;

namespace Sightline.Tensors.LibTorch.Native;

/// <summary>
/// The functions of libtorch that the engine calls: its stable C ABI (torch/csrc/stable/c/shim.h and torch/csrc/inductor/aoti_torch/c/shim.h), looked up
/// at run time. All but the first few return 0 or an error; a failure's text is kept for the calling thread from libtorch 2.13 on.
/// </summary>
internal sealed unsafe class LibTorchLibrary
{
    /// <summary>The oldest version with <c>torch_call_dispatcher</c> and lists.</summary>
    public static readonly Version Oldest = new(2, 10);

    private readonly delegate* unmanaged<byte*> _lastError;
    private readonly delegate* unmanaged<byte*, byte*, ulong*, ulong, int> _callDispatcher;
    private readonly delegate* unmanaged<ulong**, int> _newOptional;
    private readonly ulong _callerVersion;
    private delegate* unmanaged<int, void**, int> _cudaStream;

    private LibTorchLibrary(nint library, string path, Version version)
    {
        (Path, Version) = (path, version);
        _callerVersion = Pack(Oldest);
        _lastError = (delegate* unmanaged<byte*>)Find(library, "torch_exception_get_what_without_backtrace");
        _newOptional = (delegate* unmanaged<ulong**, int>)Find(library, "torch_new_stable_ivalue");
        _callDispatcher = (delegate* unmanaged<byte*, byte*, ulong*, ulong, int>)Need(library, "torch_call_dispatcher");
        NewList = (delegate* unmanaged<nuint, nint*, int>)Need(library, "torch_new_list_reserve_size");
        PushBack = (delegate* unmanaged<nint, ulong, int>)Need(library, "torch_list_push_back");
        NewString = (delegate* unmanaged<byte*, nuint, nint*, int>)Need(library, "torch_new_string_handle");
        NewHandle = (delegate* unmanaged<nint, nint*, int>)Need(library, "aoti_torch_new_tensor_handle");
        DeleteTensor = (delegate* unmanaged<nint, int>)Need(library, "aoti_torch_delete_tensor_object");
        Reinterpret = (delegate* unmanaged<nint, long, long*, long*, long, nint*, int>)Need(library, "aoti_torch__reinterpret_tensor");
        EmptyStrided = (delegate* unmanaged<long, long*, long*, int, int, int, nint*, int>)Need(library, "aoti_torch_empty_strided");
        EmptyPinned = (delegate* unmanaged<long, long*, long*, int, int, int, nint*, int>)Need(library, "aoti_torch_empty_strided_pinned");
        FromBlob = (delegate* unmanaged<void*, long, long*, long*, long, int, int, int, nint*, int, byte*, long, int>)Need(library, "aoti_torch_create_tensor_from_blob_v2");
        CopyInto = (delegate* unmanaged<nint, nint, int, int>)Need(library, "aoti_torch_copy_");
        Zero = (delegate* unmanaged<nint, int>)Need(library, "aoti_torch_zero_");
        Fill = (delegate* unmanaged<nint, double, int>)Need(library, "aoti_torch_aten_fill__Scalar");
        Subtract = (delegate* unmanaged<nint, nint, double, nint*, int>)Need(library, "aoti_torch_aten_subtract_Tensor");
        DataPointer = (delegate* unmanaged<nint, void**, int>)Need(library, "aoti_torch_get_data_ptr");
        TypeOf = (delegate* unmanaged<nint, int*, int>)Need(library, "aoti_torch_get_dtype");
        Elements = (delegate* unmanaged<nint, long*, int>)Need(library, "aoti_torch_get_numel");
        Axes = (delegate* unmanaged<nint, long*, int>)Need(library, "aoti_torch_get_dim");
        Sizes = (delegate* unmanaged<nint, long**, int>)Need(library, "aoti_torch_get_sizes");
        Strides = (delegate* unmanaged<nint, long**, int>)Need(library, "aoti_torch_get_strides");
        StorageOffset = (delegate* unmanaged<nint, long*, int>)Need(library, "aoti_torch_get_storage_offset");
        StorageBytes = (delegate* unmanaged<nint, long*, int>)Need(library, "aoti_torch_get_storage_size");
        CreateDeviceGuard = (delegate* unmanaged<int, nint*, int>)Find(library, "aoti_torch_create_device_guard");
        DeleteDeviceGuard = (delegate* unmanaged<nint, int>)Find(library, "aoti_torch_delete_device_guard");
        CpuDevice = Constant(library, "aoti_torch_device_type_cpu");
        CudaDevice = Constant(library, "aoti_torch_device_type_cuda");
        Strided = Constant(library, "aoti_torch_layout_strided");
        Float64 = Constant(library, "aoti_torch_dtype_float64");
        Types =
        [
            Constant(library, "aoti_torch_dtype_float32"), Constant(library, "aoti_torch_dtype_bfloat16"), Constant(library, "aoti_torch_dtype_float16"),
            Constant(library, "aoti_torch_dtype_int8"), Constant(library, "aoti_torch_dtype_int32"), Constant(library, "aoti_torch_dtype_int64"), Constant(library, "aoti_torch_dtype_bool"),
        ];
        if (Find(library, "torch_get_num_threads") is var threads && threads != 0)
        {
            uint count;
            if (((delegate* unmanaged<uint*, int>)threads)(&count) == 0) Threads = (int)count;
        }
    }

    /// <summary>The file that was loaded.</summary>
    public string Path { get; }

    /// <summary>What the library says of itself.</summary>
    public Version Version { get; }

    /// <summary>Threads of the processor that its kernels use.</summary>
    public int Threads { get; }

    public delegate* unmanaged<nuint, nint*, int> NewList { get; }

    public delegate* unmanaged<nint, ulong, int> PushBack { get; }

    public delegate* unmanaged<byte*, nuint, nint*, int> NewString { get; }

    public delegate* unmanaged<nint, nint*, int> NewHandle { get; }

    public delegate* unmanaged<nint, int> DeleteTensor { get; }

    public delegate* unmanaged<nint, long, long*, long*, long, nint*, int> Reinterpret { get; }

    public delegate* unmanaged<long, long*, long*, int, int, int, nint*, int> EmptyStrided { get; }

    public delegate* unmanaged<long, long*, long*, int, int, int, nint*, int> EmptyPinned { get; }

    public delegate* unmanaged<void*, long, long*, long*, long, int, int, int, nint*, int, byte*, long, int> FromBlob { get; }

    public delegate* unmanaged<nint, nint, int, int> CopyInto { get; }

    public delegate* unmanaged<nint, int> Zero { get; }

    public delegate* unmanaged<nint, double, int> Fill { get; }

    public delegate* unmanaged<nint, nint, double, nint*, int> Subtract { get; }

    public delegate* unmanaged<nint, void**, int> DataPointer { get; }

    public delegate* unmanaged<nint, int*, int> TypeOf { get; }

    public delegate* unmanaged<nint, long*, int> Elements { get; }

    public delegate* unmanaged<nint, long*, int> Axes { get; }

    public delegate* unmanaged<nint, long**, int> Sizes { get; }

    public delegate* unmanaged<nint, long**, int> Strides { get; }

    public delegate* unmanaged<nint, long*, int> StorageOffset { get; }

    public delegate* unmanaged<nint, long*, int> StorageBytes { get; }

    public delegate* unmanaged<int, nint*, int> CreateDeviceGuard { get; }

    public delegate* unmanaged<nint, int> DeleteDeviceGuard { get; }

    public int CpuDevice { get; }

    public int CudaDevice { get; }

    public int Strided { get; }

    public int Float64 { get; }

    /// <summary>The library's number of each <see cref="DType"/>.</summary>
    public int[] Types { get; }

    /// <summary>Loads a file and checks its version.</summary>
    /// <exception cref="LibTorchException">It cannot be loaded, is no libtorch, or is older than <see cref="Oldest"/>.</exception>
    public static LibTorchLibrary Load(string path)
    {
        var library = SystemLoader.TryLoad(path, out var reason);
        if (library == 0) throw new LibTorchException($"{path} cannot be loaded: {Explain(reason)}");
        if (!NativeLibrary.TryGetExport(library, "aoti_torch_abi_version", out var versionOf)) throw new LibTorchException($"{path} is no libtorch of version {Oldest} or later (it has no aoti_torch_abi_version)");
        var packed = ((delegate* unmanaged<ulong>)versionOf)();
        var version = new Version((int)(packed >> 56), (int)(packed >> 48 & 255), (int)(packed >> 40 & 255));
        RequireVersion(version, path);
        return new LibTorchLibrary(library, path, version);
    }

    /// <summary>A library that the file itself needs is the one reason of the loader that tells nobody what to do.</summary>
    internal static string Explain(string reason)
    {
        const string Missing = ": cannot open shared object file";
        var end = reason.IndexOf(Missing, StringComparison.Ordinal);
        return end <= 0 ? reason : $"it needs {reason[..end]}, which is not on this system ({reason[(end + 2)..]}): install it, or take another libtorch, such as pip's package torch (docs/gpu.md)";
    }

    /// <summary>Refuses a version that lacks the functions needed.</summary>
    /// <exception cref="LibTorchException">Older than <see cref="Oldest"/>.</exception>
    internal static void RequireVersion(Version version, string path)
    {
        if (version < Oldest) throw new LibTorchException($"libtorch {version} at {path} is too old: version {Oldest} or later is needed");
    }

    /// <summary>Whether other libraries can be told which stream and device kernels run on.</summary>
    public bool HasCudaStreams => _cudaStream is not null && CreateDeviceGuard is not null && DeleteDeviceGuard is not null;

    /// <summary>Takes what only the library of the kernels for GPUs has.</summary>
    public void UseCuda(nint library) => _cudaStream = (delegate* unmanaged<int, void**, int>)Find(library, "aoti_torch_get_current_cuda_stream");

    /// <summary>The stream in which kernels of this thread run on a GPU.</summary>
    public nint CudaStream(int device)
    {
        void* stream;
        Check(_cudaStream(device, &stream), "the current stream");
        return (nint)stream;
    }

    /// <summary>Runs an operator on a stack of arguments, which it takes over and replaces by the results.</summary>
    public int Dispatch(byte* name, byte* overload, ulong* stack) => _callDispatcher(name, overload, stack, _callerVersion);

    /// <summary>Memory for an optional argument's value; the call that gets it frees it. Before 2.13 libtorch frees what malloc gave.</summary>
    public ulong* NewOptional()
    {
        ulong* value;
        if (_newOptional is null) return (ulong*)NativeMemory.Alloc(sizeof(ulong));
        return _newOptional(&value) == 0 ? value : throw new OutOfMemoryException("libtorch: no memory for an argument");
    }

    /// <summary>Why the last call on this thread failed.</summary>
    public string LastError()
    {
        var text = _lastError is null ? null : _lastError();
        return text is null ? "libtorch wrote the reason to the standard error" : FirstLine(Marshal.PtrToStringUTF8((nint)text)!);
    }

    /// <summary>Throws where a call did not return 0.</summary>
    public void Check(int code, string what)
    {
        if (code != 0) throw Failure(what);
    }

    /// <summary>The exception for a failed call.</summary>
    public Exception Failure(string what)
    {
        var reason = LastError();
        return reason.Contains("out of memory", StringComparison.OrdinalIgnoreCase) || reason.Contains("not enough memory", StringComparison.OrdinalIgnoreCase)
            ? new OutOfMemoryException($"{what}: {reason}")
            : new LibTorchException($"{what}: {reason}");
    }

    private static ulong Pack(Version version) => (ulong)version.Major << 56 | (ulong)version.Minor << 48;

    private static string FirstLine(string text)
    {
        var line = text.AsSpan().Trim();
        var end = line.IndexOf('\n');
        return (end < 0 ? line : line[..end]).ToString();
    }

    private static int Constant(nint library, string name) => ((delegate* unmanaged<int>)Need(library, name))();

    private static nint Find(nint library, string name) => NativeLibrary.TryGetExport(library, name, out var address) ? address : 0;

    private static nint Need(nint library, string name) => Find(library, name) is var address && address != 0
        ? address
        : throw new LibTorchException($"this libtorch has no {name}: version {Oldest} or later is needed");
}
