using System.Buffers.Binary;

namespace Sightline.Imaging.Codecs;

/// <summary>
/// The first directory of a TIFF structure, which is also what an EXIF block is (TIFF 6.0, section 2; EXIF 2.32, 4.5).
/// Tolerant: damaged metadata gives no value, never an exception.
/// </summary>
internal static class TiffDirectory
{
    public const int ImageWidth = 256;
    public const int ImageLength = 257;
    public const int OrientationTag = 274;

    private const int Short = 3;
    private const int Long = 4;

    public static bool IsTiff(ReadOnlySpan<byte> data) =>
        data.Length >= 8 && (data[..4].SequenceEqual("II*\0"u8) || data[..4].SequenceEqual("MM\0*"u8)
            || data[..4].SequenceEqual("II+\0"u8) || data[..4].SequenceEqual("MM\0+"u8));

    /// <summary>The orientation 1..8 of an EXIF block (starting at its TIFF header), 1 when there is none.</summary>
    public static int Orientation(ReadOnlySpan<byte> tiff) => Find(tiff, OrientationTag) is >= 1 and <= 8 and var value ? (int)value : 1;

    /// <summary>The first value of an integer entry, null when it is not there.</summary>
    public static long? Find(ReadOnlySpan<byte> tiff, int wanted)
    {
        if (!IsTiff(tiff)) return null;
        var little = tiff[0] == (byte)'I';
        var big = (little ? tiff[2] : tiff[3]) == (byte)'+'; // 43: BigTIFF, 8-byte offsets
        if (big && tiff.Length < 16) return null;
        var offset = big ? U64(tiff[8..], little) : U32(tiff[4..], little);
        var countSize = big ? 8 : 2;
        var entrySize = big ? 20 : 12;
        if (offset > (ulong)tiff.Length || (ulong)tiff.Length - offset < (ulong)countSize) return null;
        var entries = tiff[(int)offset..];
        var count = big ? U64(entries, little) : U16(entries, little);
        entries = entries[countSize..];
        for (ulong i = 0; i < count && entries.Length >= entrySize; i++, entries = entries[entrySize..])
        {
            if ((int)U16(entries, little) != wanted) continue;
            var value = entries[(big ? 12 : 8)..];
            return U16(entries[2..], little) switch
            {
                Short => (long)U16(value, little),
                Long => (long)U32(value, little),
                _ => null,
            };
        }

        return null;
    }

    private static ulong U16(ReadOnlySpan<byte> s, bool little) => little ? BinaryPrimitives.ReadUInt16LittleEndian(s) : BinaryPrimitives.ReadUInt16BigEndian(s);

    private static ulong U32(ReadOnlySpan<byte> s, bool little) => little ? BinaryPrimitives.ReadUInt32LittleEndian(s) : BinaryPrimitives.ReadUInt32BigEndian(s);

    private static ulong U64(ReadOnlySpan<byte> s, bool little) => little ? BinaryPrimitives.ReadUInt64LittleEndian(s) : BinaryPrimitives.ReadUInt64BigEndian(s);
}
