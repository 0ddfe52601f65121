namespace Sightline.Imaging;

/// <summary>A picture file format, recognised by its first bytes (never by the file's name).</summary>
public enum PictureFormat
{
    /// <summary>JPEG, baseline and progressive.</summary>
    Jpeg,

    /// <summary>PNG, all depths.</summary>
    Png,

    /// <summary>WebP, lossy and lossless; of an animation the first frame.</summary>
    WebP,

    /// <summary>TIFF and BigTIFF, the first page; read only.</summary>
    Tiff,

    /// <summary>GIF, the first frame; read only.</summary>
    Gif,

    /// <summary>Windows bitmap; read only, and without the native library.</summary>
    Bmp,
}
