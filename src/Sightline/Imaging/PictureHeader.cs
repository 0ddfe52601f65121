using Sightline.Imaging.Codecs;

namespace Sightline.Imaging;

/// <summary>
/// What a picture file says of itself before any pixel is decoded: cheap (no native library), and the place where
/// declared sizes are judged. <paramref name="Orientation"/> is the EXIF value 1..8, 1 where none is stored.
/// </summary>
public readonly record struct PictureHeader(PictureFormat Format, int Width, int Height, int Orientation)
{
    /// <summary>Width after the orientation is applied.</summary>
    public int UprightWidth => Orientation >= 5 ? Height : Width;

    /// <summary>Height after the orientation is applied.</summary>
    public int UprightHeight => Orientation >= 5 ? Width : Height;

    /// <summary>Reads the header of a file.</summary>
    /// <exception cref="SightlineException">NotFound, or BadPicture when it is no picture or its header is damaged.</exception>
    public static PictureHeader Read(string path, PictureReadOptions? options = null)
    {
        using var bytes = FileBytes.Read(path, options ?? PictureReadOptions.Default);
        return HeaderReader.Read(bytes.Span, path);
    }

    /// <summary>Reads the header of an encoded picture in memory.</summary>
    /// <exception cref="SightlineException">BadPicture.</exception>
    public static PictureHeader Read(ReadOnlySpan<byte> encoded, string name = "the picture") => HeaderReader.Read(encoded, name);
}
