using System.Globalization;
using Sightline.Imaging.Vips;

namespace Sightline.Imaging;

/// <summary>Whether picture files can be read here: the native library behind <see cref="Picture.Load"/>.</summary>
public static class PictureDecoder
{
    /// <summary>
    /// Finds the library without needing it: its version, or null with the sentence that <see cref="Picture.Load"/> would
    /// throw. Pictures from memory (<see cref="Picture.FromPixels"/>) and BMP files work without it.
    /// </summary>
    public static (string? Version, string? Problem) Find()
    {
        try
        {
            VipsLibrary.Require();
            return (string.Create(CultureInfo.InvariantCulture, $"libvips {VipsNative.vips_version(0)}.{VipsNative.vips_version(1)}.{VipsNative.vips_version(2)}"), null);
        }
        catch (SightlineException error)
        {
            return (null, error.Message);
        }
    }
}
