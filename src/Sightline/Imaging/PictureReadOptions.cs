namespace Sightline.Imaging;

/// <summary>What to do with a transparent picture, since a <see cref="Picture"/> has no alpha.</summary>
public enum AlphaHandling
{
    /// <summary>Keep the colours and forget the alpha, as Pillow's <c>convert("RGB")</c> does.</summary>
    Drop,

    /// <summary>Paint over white, as qwen-vl-utils does.</summary>
    OnWhite,
}

/// <summary>How picture files are read.</summary>
public sealed record PictureReadOptions
{
    /// <summary>The defaults.</summary>
    public static PictureReadOptions Default { get; } = new();

    /// <summary>Turn the picture upright by its EXIF orientation. Off gives the stored pixels, as Pillow's <c>open</c> does.</summary>
    public bool ApplyOrientation { get; init; } = true;

    /// <summary>Transparent pictures.</summary>
    public AlphaHandling Alpha { get; init; } = AlphaHandling.Drop;

    /// <summary>Pictures that declare more pixels than this are refused before any pixel is decoded.</summary>
    public long MaxPixels { get; init; } = 200_000_000;

    /// <summary>Files larger than this (bytes) are refused before they are read.</summary>
    public long MaxFileBytes { get; init; } = 1L << 30;

    /// <summary>
    /// Clip 16-bit grey at 255, as Pillow's conversion to RGB does, instead of keeping the high byte. For comparisons with pipelines that read
    /// pictures with Pillow; what has more than 8 bits comes out white.
    /// </summary>
    public bool ClipDeepGrey { get; init; }
}
