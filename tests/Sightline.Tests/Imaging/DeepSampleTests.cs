using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Sightline.Imaging;

namespace Sightline.Tests.Imaging;

/// <summary>Samples of more than 8 bits, as microscopes and scanners write them.</summary>
public class DeepSampleTests
{
    private const int Unsigned = 1;
    private const int Floating = 3;

    [Fact]
    public void Sixteen_bit_grey_keeps_its_high_byte()
    {
        ushort[] samples = [0, 255, 256, 0x7FFF, 0x8000, 0xFFFF];
        var picture = Picture.Decode(Tiff(MemoryMarshal.AsBytes(samples.AsSpan()), width: 6, bits: 16, Unsigned));
        Assert.Equal([0, 0, 1, 127, 128, 255], Grey(picture));
    }

    [Fact]
    public void Floats_up_to_one_are_scaled()
    {
        float[] samples = [0, 0.25f, 0.5f, 1, float.NaN, 0.1f];
        var picture = Picture.Decode(Tiff(MemoryMarshal.AsBytes(samples.AsSpan()), width: 6, bits: 32, Floating));
        Assert.Equal([0, 64, 128, 255, 0, 26], Grey(picture));
    }

    [Fact]
    public void Floats_up_to_255_are_taken_as_they_are()
    {
        float[] samples = [0, 1.4f, 100, 255];
        var picture = Picture.Decode(Tiff(MemoryMarshal.AsBytes(samples.AsSpan()), width: 4, bits: 32, Floating));
        Assert.Equal([0, 1, 100, 255], Grey(picture));
    }

    [Fact]
    public void Numbers_that_are_no_colours_are_refused()
    {
        float[] samples = [-3, 0, 4000];
        var error = Assert.Throws<SightlineException>(() => Picture.Decode(Tiff(MemoryMarshal.AsBytes(samples.AsSpan()), width: 3, bits: 32, Floating), name: "heights.tif"));
        Assert.Equal(ErrorKind.BadPicture, error.Kind);
        Assert.Contains("heights.tif holds numbers from -3 to 4000, not colours", error.Message, StringComparison.Ordinal);
    }

    private static byte[] Grey(Picture picture) => [.. Enumerable.Range(0, picture.Width).Select(x => picture.Pixels[3 * x])];

    /// <summary>One uncompressed row of grey, little-endian (TIFF 6.0, section 3).</summary>
    private static byte[] Tiff(ReadOnlySpan<byte> row, ushort width, ushort bits, ushort sampleFormat)
    {
        (ushort Tag, ushort Type, uint Value)[] entries =
        [
            (256, 3, width), (257, 3, 1), (258, 3, bits), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (278, 3, 1), (279, 4, (uint)row.Length), (339, 3, sampleFormat),
        ];
        var directory = 8 + row.Length;
        var file = new byte[directory + 2 + (entries.Length * 12) + 4];
        "II*\0"u8.CopyTo(file);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(4), (uint)directory);
        row.CopyTo(file.AsSpan(8));
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(directory), (ushort)entries.Length);
        for (var i = 0; i < entries.Length; i++)
        {
            var entry = file.AsSpan(directory + 2 + (i * 12));
            BinaryPrimitives.WriteUInt16LittleEndian(entry, entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], entries[i].Type);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], 1);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], entries[i].Value);
        }

        return file;
    }
}
