using System.Runtime.InteropServices;

namespace Sightline.Imaging;

/// <summary>An 8-bit colour, laid out as the pixels of a <see cref="Picture"/>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public readonly record struct PixelColor(byte Red, byte Green, byte Blue)
{
    /// <summary>The ImageNet mean: what a normalised picture has as zero.</summary>
    public static PixelColor Neutral { get; } = new(124, 116, 104);

    /// <summary>White.</summary>
    public static PixelColor White { get; } = new(255, 255, 255);

    /// <summary>Black.</summary>
    public static PixelColor Black { get; } = new(0, 0, 0);
}
