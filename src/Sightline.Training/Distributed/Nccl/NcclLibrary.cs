using System.Runtime.InteropServices;
using Sightline.Tensors.Libraries;

namespace Sightline.Training.Distributed.Nccl;

/// <summary>
/// The functions of NCCL that are needed, by its public C interface (nccl.h of 2.7 and later). Tensors travel as bytes: what is added up is added by the engine
/// (docs/decisions/0017). Every call but <see cref="AsyncError"/> and <see cref="Abort"/> belongs to the thread that computes.
/// </summary>
internal sealed unsafe class NcclLibrary
{
    /// <summary>The oldest version with <c>ncclSend</c> and <c>ncclRecv</c>.</summary>
    public static readonly Version Oldest = new(2, 7);

    private const int Success = 0;
    private const int InProgress = 7;
    private const int Bytes = 1; // ncclUint8

    private readonly delegate* unmanaged<int, byte*> _errorString;
    private readonly delegate* unmanaged<nint, byte*> _lastError;
    private readonly delegate* unmanaged<NcclUniqueId*, int> _newId;
    private readonly delegate* unmanaged<nint*, int, NcclUniqueId, int, int> _join;
    private readonly delegate* unmanaged<nint, int> _destroy;
    private readonly delegate* unmanaged<nint, int> _abort;
    private readonly delegate* unmanaged<nint, int*, int> _asyncError;
    private readonly delegate* unmanaged<int> _groupStart;
    private readonly delegate* unmanaged<int> _groupEnd;
    private readonly delegate* unmanaged<nint, nuint, int, int, nint, nint, int> _send;
    private readonly delegate* unmanaged<nint, nuint, int, int, nint, nint, int> _receive;
    private readonly delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int> _broadcast;

    /// <summary>Takes the functions of a library.</summary>
    /// <param name="export">The address of a function by name; 0 for one that is not there.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="SightlineException">MissingLibrary: it is no NCCL, or too old.</exception>
    public NcclLibrary(Func<string, nint> export, string path)
    {
        Path = path;
        nint Need(string name) => export(name) is var address && address != 0
            ? address
            : throw new SightlineException(ErrorKind.MissingLibrary, $"{path} is no NCCL of version {Oldest} or later (it has no {name})");
        var versionOf = (delegate* unmanaged<int*, int>)Need("ncclGetVersion");
        int code;
        if (versionOf(&code) != Success) throw new SightlineException(ErrorKind.MissingLibrary, $"{path} does not say which version of NCCL it is");
        Version = Read(code);
        if (Version < Oldest) throw new SightlineException(ErrorKind.MissingLibrary, $"NCCL {Version} at {path} is too old: version {Oldest} or later is needed");
        _errorString = (delegate* unmanaged<int, byte*>)Need("ncclGetErrorString");
        _lastError = (delegate* unmanaged<nint, byte*>)export("ncclGetLastError"); // from 2.13 on
        _newId = (delegate* unmanaged<NcclUniqueId*, int>)Need("ncclGetUniqueId");
        _join = (delegate* unmanaged<nint*, int, NcclUniqueId, int, int>)Need("ncclCommInitRank");
        _destroy = (delegate* unmanaged<nint, int>)Need("ncclCommDestroy");
        _abort = (delegate* unmanaged<nint, int>)Need("ncclCommAbort");
        _asyncError = (delegate* unmanaged<nint, int*, int>)Need("ncclCommGetAsyncError");
        _groupStart = (delegate* unmanaged<int>)Need("ncclGroupStart");
        _groupEnd = (delegate* unmanaged<int>)Need("ncclGroupEnd");
        _send = (delegate* unmanaged<nint, nuint, int, int, nint, nint, int>)Need("ncclSend");
        _receive = (delegate* unmanaged<nint, nuint, int, int, nint, nint, int>)Need("ncclRecv");
        _broadcast = (delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int>)Need("ncclBroadcast");
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What the library says of itself.</summary>
    public Version Version { get; }

    /// <summary>Loads a file; where that cannot be, says why.</summary>
    public static (NcclLibrary? Library, string? Problem) Load(string path)
    {
        var library = SystemLoader.TryLoad(path, out var reason);
        if (library == 0) return (null, $"{path} cannot be loaded: {reason}");
        try
        {
            return (new NcclLibrary(name => NativeLibrary.TryGetExport(library, name, out var address) ? address : 0, path), null);
        }
        catch (SightlineException error)
        {
            return (null, error.Message);
        }
    }

    /// <summary>A name for a new communicator; one rank makes it and tells the others.</summary>
    public NcclUniqueId NewId()
    {
        NcclUniqueId id;
        Check(_newId(&id), "start", 0);
        return id;
    }

    /// <summary>Joins a communicator with the thread's current GPU; returns when all ranks have.</summary>
    public nint Join(int size, NcclUniqueId id, int rank)
    {
        nint communicator;
        Check(_join(&communicator, size, id, rank), "bring the processes together", 0);
        return communicator;
    }

    /// <summary>Frees a communicator in whose streams nothing is left to do.</summary>
    public void Destroy(nint communicator) => _ = _destroy(communicator);

    /// <summary>Ends what still runs on the GPU, and frees the communicator. From any thread.</summary>
    public void Abort(nint communicator) => _ = _abort(communicator);

    /// <summary>Why a communicator cannot go on; null where all is well. From any thread.</summary>
    public SightlineException? AsyncError(nint communicator)
    {
        int state;
        var code = _asyncError(communicator, &state);
        if (code == Success) code = state;
        return code is Success or InProgress ? null : Failure(code, "go on", communicator);
    }

    public void GroupStart() => Check(_groupStart(), "begin an exchange", 0);

    public void GroupEnd(nint communicator) => Check(_groupEnd(), "exchange tensors", communicator);

    /// <summary>Puts sending some bytes of the GPU into a stream.</summary>
    public void Send(nint address, long bytes, int rank, nint communicator, nint stream) => Check(_send(address, (nuint)bytes, Bytes, rank, communicator, stream), "send tensors", communicator);

    public void Receive(nint address, long bytes, int rank, nint communicator, nint stream) => Check(_receive(address, (nuint)bytes, Bytes, rank, communicator, stream), "receive tensors", communicator);

    /// <summary>Fills bytes of every rank with those of one, in place.</summary>
    public void Broadcast(nint address, long bytes, int root, nint communicator, nint stream) =>
        Check(_broadcast(address, address, (nuint)bytes, Bytes, root, communicator, stream), "share tensors", communicator);

    /// <summary>NCCL_VERSION_CODE: major, minor and patch as 2708 up to 2.8 and as 20905 from 2.9 on.</summary>
    internal static Version Read(int code) => code < 10000 ? new Version(code / 1000, code / 100 % 10, code % 100) : new Version(code / 10000, code / 100 % 100, code % 100);

    private void Check(int code, string what, nint communicator)
    {
        if (code is not (Success or InProgress)) throw Failure(code, what, communicator);
    }

    private SightlineException Failure(int code, string what, nint communicator)
    {
        var reason = Text(_errorString(code)) is { Length: > 0 } said ? said : $"code {code}";
        var last = _lastError is null ? "" : Text(_lastError(communicator));
        return new SightlineException(ErrorKind.Network, $"NCCL {Version} could not {what}: {reason}{(last.Length > 0 ? $" ({last})" : "")}");
    }

    private static string Text(byte* text) => text is null ? "" : Marshal.PtrToStringUTF8((nint)text)!.Trim().ReplaceLineEndings(" ");
}
