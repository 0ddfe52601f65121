namespace Sightline.Imaging;

/// <summary>The order of 8-bit samples of pixels that are already in memory.</summary>
public enum PixelLayout
{
    /// <summary>Red, green, blue.</summary>
    Rgb24,

    /// <summary>Blue, green, red: OpenCV, Windows bitmaps.</summary>
    Bgr24,

    /// <summary>Red, green, blue, alpha (alpha is dropped, not composited).</summary>
    Rgba32,

    /// <summary>Blue, green, red, alpha: Windows and Skia surfaces (alpha is dropped, not composited).</summary>
    Bgra32,

    /// <summary>One luminance sample.</summary>
    Grey8,
}
