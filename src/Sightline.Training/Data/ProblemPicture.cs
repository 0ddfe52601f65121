using Sightline.Imaging;

namespace Sightline.Training.Data;

/// <summary>A picture of a problem: a file, the bytes of one, or pixels. Read when it is needed.</summary>
public sealed class ProblemPicture
{
    private readonly Func<Picture> _load;

    private ProblemPicture(string name, Func<Picture> load) => (Name, _load) = (name, load);

    /// <summary>For messages and reports.</summary>
    public string Name { get; }

    /// <summary>The file, or null.</summary>
    public string? File { get; private init; }

    /// <summary>The encoded bytes where they are at hand, or null.</summary>
    public ReadOnlyMemory<byte>? Bytes { get; private init; }

    /// <summary>A file, by its path.</summary>
    public static ProblemPicture FromFile(string path) => new(System.IO.Path.GetFileName(path), () => Picture.Load(path)) { File = path };

    /// <summary>Bytes of an encoded picture.</summary>
    public static ProblemPicture FromBytes(string name, ReadOnlyMemory<byte> encoded) => new(name, () => Picture.Decode(encoded.Span, name: name)) { Bytes = encoded };

    /// <summary>Pixels at hand, or made when they are needed.</summary>
    public static ProblemPicture FromPixels(string name, Func<Picture> load)
    {
        ArgumentNullException.ThrowIfNull(load);
        return new ProblemPicture(name, load);
    }

    /// <summary>Reads and decodes it.</summary>
    /// <exception cref="SightlineException">NotFound, BadPicture or MissingLibrary.</exception>
    public Picture Load() => _load();

    /// <inheritdoc/>
    public override string ToString() => Name;
}
