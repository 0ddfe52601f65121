using System.Runtime.InteropServices;

namespace Sightline.Imaging.Codecs;

/// <summary>
/// Decoded samples of any kind, turned into 8-bit RGB as Pillow's <c>convert("RGB")</c> does: grey is repeated, 16 bits
/// keep their high byte, alpha is dropped (or painted on white), CMYK is multiplied out without a colour profile. Only
/// 16-bit grey differs: Pillow clips it at 255, which turns such pictures white; <see cref="PictureReadOptions.ClipDeepGrey"/> asks for that.
/// </summary>
/// <param name="Bands">1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha or CMYK; more are ignored.</param>
internal readonly record struct RawSamples(int Width, int Height, int Bands, bool Is16Bit, bool IsCmyk)
{
    public Picture ToPicture(ReadOnlySpan<byte> samples, PictureReadOptions options)
    {
        var pixels = checked(Width * Height);
        var alpha = options.Alpha;
        if (!Is16Bit && Bands == 3 && !IsCmyk) return new Picture(Width, Height, samples.ToArray());
        var narrow = Is16Bit ? Narrow(MemoryMarshal.Cast<byte, ushort>(samples), clip: Bands == 1 && options.ClipDeepGrey) : samples;
        var rgb = new byte[(long)pixels * 3];
        if (IsCmyk && Bands >= 4) FromCmyk(narrow, rgb);
        else if (Bands >= 3) FromColour(narrow, rgb, alpha);
        else FromGrey(narrow, rgb, alpha);
        return new Picture(Width, Height, rgb);
    }

    private static byte[] Narrow(ReadOnlySpan<ushort> samples, bool clip)
    {
        var bytes = new byte[samples.Length];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = clip ? (byte)Math.Min(samples[i], (ushort)255) : (byte)(samples[i] >> 8);
        return bytes;
    }

    /// <summary>
    /// Numbers that are no colours by themselves: 0..1 is scaled to 0..255 (floating point only), 0..255 is taken as it is. Null where they lie
    /// elsewhere: what is black and white there only their maker knows.
    /// </summary>
    public static byte[]? FromNumbers(ReadOnlySpan<double> samples, bool floating, out double low, out double high)
    {
        (low, high) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (var sample in samples)
        {
            if (sample < low) low = sample;
            if (sample > high) high = sample;
        }

        if (low < 0 || high > 255) return null;
        var scale = floating && high <= 1 ? 255 : 1;
        var bytes = new byte[samples.Length];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = double.IsNaN(samples[i]) ? (byte)0 : (byte)Math.Round(samples[i] * scale);
        return bytes;
    }

    private void FromGrey(ReadOnlySpan<byte> from, byte[] rgb, AlphaHandling alpha)
    {
        for (int i = 0, at = 0; at < rgb.Length; i += Bands, at += 3)
        {
            var value = Bands == 2 && alpha == AlphaHandling.OnWhite ? OnWhite(from[i], from[i + 1]) : from[i];
            rgb[at] = rgb[at + 1] = rgb[at + 2] = value;
        }
    }

    private void FromColour(ReadOnlySpan<byte> from, byte[] rgb, AlphaHandling alpha)
    {
        var paint = Bands == 4 && alpha == AlphaHandling.OnWhite;
        for (int i = 0, at = 0; at < rgb.Length; i += Bands, at += 3)
        {
            for (var c = 0; c < 3; c++) rgb[at + c] = paint ? OnWhite(from[i + c], from[i + 3]) : from[i + c];
        }
    }

    private void FromCmyk(ReadOnlySpan<byte> from, byte[] rgb)
    {
        for (int i = 0, at = 0; at < rgb.Length; i += Bands, at += 3)
        {
            var light = 255 - from[i + 3];
            for (var c = 0; c < 3; c++) rgb[at + c] = (byte)(light - Divide255(from[i + c] * light));
        }
    }

    /// <summary>Pillow's paste with a mask: one rounded division of the blend of both.</summary>
    private static byte OnWhite(byte value, byte alpha) => (byte)Divide255((value * alpha) + (255 * (255 - alpha)));

    /// <summary>x / 255 rounded to nearest, exact for 0..65025.</summary>
    private static int Divide255(int x) => (x + 128 + ((x + 128) >> 8)) >> 8;
}
