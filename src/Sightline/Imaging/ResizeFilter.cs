namespace Sightline.Imaging;

/// <summary>Pillow's resampling filters. All but Nearest widen with the scale when shrinking (antialiasing).</summary>
public enum ResizeFilter
{
    /// <summary>The pixel under the centre.</summary>
    Nearest,

    /// <summary>Mean of the covered pixels; support 0.5.</summary>
    Box,

    /// <summary>Triangle; support 1.</summary>
    Bilinear,

    /// <summary>Hamming-windowed sinc; support 1.</summary>
    Hamming,

    /// <summary>Cubic convolution with a = -0.5; support 2.</summary>
    Bicubic,

    /// <summary>Sinc windowed by sinc; support 3.</summary>
    Lanczos,
}
