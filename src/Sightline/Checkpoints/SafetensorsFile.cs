using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Sightline.Tensors;
using Sightline.Tensors.Cpu;

namespace Sightline.Checkpoints;

/// <summary>
/// A safetensors file, mapped into memory: opening reads the header only, and a tensor's bytes are read when it is
/// loaded. The header is checked before anything else, so that a truncated or hostile file ends in a
/// <see cref="SightlineException"/> and never in a wrong read.
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly Dictionary<string, TensorInfo> _tensors;
    private byte* _start;

    private SafetensorsFile(string path, MemoryMappedFile map, MemoryMappedViewAccessor view, long fileBytes)
    {
        Path = path;
        _map = map;
        _view = view;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        _start += view.PointerOffset;
        try
        {
            var length = SafetensorsHeader.CheckLength(path, BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(_start, 8)), fileBytes);
            (_tensors, var metadata) = SafetensorsHeader.Parse(path, new ReadOnlySpan<byte>(_start + 8, length), fileBytes);
            Metadata = metadata;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the file lies.</summary>
    public string Path { get; }

    /// <summary>The tensors by name, in the order of the header.</summary>
    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    /// <summary>The texts under <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Maps a file and checks its header.</summary>
    /// <exception cref="SightlineException">NotFound: no such file, or it cannot be read. BadModel: not a sound safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        MemoryMappedFile? map = null;
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            var bytes = stream.Length;
            if (bytes < 8) throw SafetensorsHeader.Bad(path, $"has only {bytes} bytes");
            map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            var view = map.CreateViewAccessor(0, bytes, MemoryMappedFileAccess.Read);
            return new SafetensorsFile(path, map, view, bytes);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            map?.Dispose();
            throw new SightlineException(ErrorKind.NotFound, $"The weights file {path} cannot be read ({error.Message.TrimEnd('.')}): check the path and its permissions.", error);
        }
    }

    /// <summary>Up to 2 GB of a tensor's raw little-endian bytes, straight from the mapping: valid until <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> Raw(TensorInfo tensor, long from = 0, int? length = null)
    {
        ObjectDisposedException.ThrowIf(_start is null, this);
        if (!ReferenceEquals(_tensors.GetValueOrDefault(tensor.Name), tensor)) throw new ArgumentException($"{tensor.Name} is not of this file", nameof(tensor));
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        var bytes = length ?? checked((int)(tensor.Bytes - from));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, tensor.Bytes - from, nameof(length));
        return new ReadOnlySpan<byte>(_start + tensor.Offset + from, bytes);
    }

    /// <summary>Lets the memory of a tensor's pages go after it was read once.</summary>
    internal void Release(TensorInfo tensor) => MappedPages.Release((nint)(_start + tensor.Offset), tensor.Bytes);

    /// <summary>A tensor's information.</summary>
    /// <exception cref="SightlineException">BadModel: there is none of this name.</exception>
    public TensorInfo this[string name] => _tensors.TryGetValue(name, out var tensor)
        ? tensor
        : throw new SightlineException(ErrorKind.BadModel, $"{Path} has no tensor {SafetensorsHeader.Quote(name)}: is it the checkpoint of another model?");

    /// <summary>Copies a tensor into an engine's memory.</summary>
    /// <param name="name">Its key.</param>
    /// <param name="type">The element type wanted; by default the file's own, or the nearest (<see cref="SafetensorsTypes.NaturalDType"/>).</param>
    /// <param name="engine">Whose memory; the default engine otherwise.</param>
    /// <exception cref="SightlineException">BadModel: no such tensor, more than six axes, or a type that has no engine type.</exception>
    public Tensor Load(string name, DType? type = null, Engine? engine = null)
    {
        var info = this[name];
        var target = Tensor.Empty(TensorReading.ShapeOf(info), type ?? TensorReading.NaturalDType(info), engine);
        try
        {
            TensorReading.Read(this, info, target);
            return target;
        }
        catch
        {
            target.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A tensor of the processor's engine over the mapped bytes, in the type of the file: nothing is read until it is used, and pages belong to
    /// the file cache, which all processes share. Must not be written. Keeps the mapping alive, also after <see cref="Dispose"/>; dispose it too. Null
    /// where the engine has no such type or the bytes are not aligned to it.
    /// </summary>
    /// <exception cref="SightlineException">BadModel: no such tensor, or more than six axes.</exception>
    public Tensor? Map(string name)
    {
        ObjectDisposedException.ThrowIf(_start is null, this);
        var info = this[name];
        if (info.Type.NaturalDType() is not { } type || type == DType.Bool || type.Size() != info.Type.Size() || ((nint)_start + info.Offset) % type.Size() != 0 || info.Bytes == 0) return null;
        return CpuEngine.Instance.Borrow(new MappedStorage(_view.SafeMemoryMappedViewHandle, (nint)(_start + info.Offset), info.Bytes), TensorReading.ShapeOf(info), type);
    }

    /// <summary>Fills an existing tensor, in its element type; its shape must have the tensor's element count.</summary>
    public void LoadInto(string name, Tensor target)
    {
        var info = this[name];
        if (info.Count != target.Count)
            throw new SightlineException(ErrorKind.BadModel, $"{Path}: the tensor {SafetensorsHeader.Quote(name)} is {info}, the model needs {target.Shape}: check that weights and config.json belong together.");
        TensorReading.Read(this, info, target);
    }

    /// <summary>Number of elements that are NaN or infinite.</summary>
    public long CountNonFinite(string name) => TensorReading.CountNonFinite(this, this[name]);

    /// <summary>Ends the mapping.</summary>
    public void Dispose()
    {
        if (_start is null) return;
        _start = null;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }
}
