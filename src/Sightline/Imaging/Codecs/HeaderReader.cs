using System.Buffers.Binary;

namespace Sightline.Imaging.Codecs;

/// <summary>
/// Recognises a picture by its first bytes and reads its declared size and orientation, without decoding and without
/// the native library. A file whose length cannot possibly hold its declared pixels is refused here, so that no later
/// step allocates by a lie.
/// </summary>
internal static class HeaderReader
{
    public static PictureHeader Read(ReadOnlySpan<byte> data, string name)
    {
        if (data.IsEmpty) throw Bad($"{name} is empty (0 bytes)");
        var header = data switch
        {
            [0xFF, 0xD8, ..] => Jpeg(data, name),
            _ when data.StartsWith(PngSignature) => Png(data, name),
            _ when data.StartsWith("RIFF"u8) && data.Length >= 12 && data[8..12].SequenceEqual("WEBP"u8) => WebP(data, name),
            _ when data.StartsWith("GIF87a"u8) || data.StartsWith("GIF89a"u8) => Gif(data, name),
            _ when TiffDirectory.IsTiff(data) => Tiff(data, name),
            [(byte)'B', (byte)'M', ..] => BmpReader.ReadHeader(data, name),
            _ => throw Bad($"{name} is not a picture in a known format (JPEG, PNG, WebP, TIFF, GIF, BMP)"),
        };
        if (header.Width <= 0 || header.Height <= 0)
            throw Bad($"{name} declares a size of {header.Width} x {header.Height} pixels, which is no picture");
        return header;
    }

    /// <summary>Refuses more pixels than the limit.</summary>
    public static void RequireWithin(long maxPixels, long width, long height, string name)
    {
        if (width * height > maxPixels)
            throw Bad($"{name} declares {width} x {height} pixels, more than the limit of {maxPixels} pixels");
    }

    public static SightlineException Bad(string message) => new(ErrorKind.BadPicture, message);

    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    private static PictureHeader Jpeg(ReadOnlySpan<byte> data, string name)
    {
        var orientation = 1;
        var at = 2;
        while (true)
        {
            while (at < data.Length && data[at] != 0xFF) at++; // stray bytes between segments are skipped, as decoders do
            while (at < data.Length && data[at] == 0xFF) at++; // fill bytes
            if (at >= data.Length) throw Bad($"{name}: the JPEG ends inside its header");
            var marker = data[at++];
            if (marker is 0 or 1 or (>= 0xD0 and <= 0xD8)) continue; // no segment follows
            if (marker is 0xD9 or 0xDA) throw Bad($"{name}: the JPEG has no frame header");
            if (at + 2 > data.Length) throw Bad($"{name}: the JPEG ends inside its header");
            var length = BinaryPrimitives.ReadUInt16BigEndian(data[at..]);
            if (length < 2) throw Bad($"{name}: the JPEG has a segment of impossible length");
            if (at + length > data.Length) throw Bad($"{name}: the JPEG ends inside its header");
            var body = data.Slice(at + 2, length - 2);
            if (marker == 0xE1 && body.StartsWith("Exif\0\0"u8)) orientation = TiffDirectory.Orientation(body[6..]);
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC)) return JpegFrame(body, marker, data.Length, orientation, name);
            at += length;
        }
    }

    private static PictureHeader JpegFrame(ReadOnlySpan<byte> body, byte marker, int fileLength, int orientation, string name)
    {
        if (body.Length < 6) throw Bad($"{name}: the JPEG's frame header is too short");
        if (body[0] != 8) throw Bad($"{name}: a JPEG of {body[0]} bits a sample is not supported, only 8");
        if (body[5] is not (1 or 3 or 4) || body.Length < 6 + (3 * body[5])) throw Bad($"{name}: a JPEG of {body[5]} components is not supported");
        var (height, width) = (BinaryPrimitives.ReadUInt16BigEndian(body[1..]), BinaryPrimitives.ReadUInt16BigEndian(body[3..]));
        // Huffman coding (SOF0..2) spends at least one bit on each 8 x 8 block: 512 pixels a byte
        if (marker <= 0xC2 && (long)width * height > 512L * fileLength)
            throw Bad($"{name} declares {width} x {height} pixels, which its {fileLength} bytes cannot hold");
        return new PictureHeader(PictureFormat.Jpeg, width, height, orientation);
    }

    private static PictureHeader Png(ReadOnlySpan<byte> data, string name)
    {
        if (data.Length < 33 || !data[12..16].SequenceEqual("IHDR"u8) || BinaryPrimitives.ReadUInt32BigEndian(data[8..]) != 13)
            throw Bad($"{name}: the PNG does not begin with a whole header");
        var width = BinaryPrimitives.ReadUInt32BigEndian(data[16..]);
        var height = BinaryPrimitives.ReadUInt32BigEndian(data[20..]);
        if (width is 0 or > int.MaxValue || height is 0 or > int.MaxValue)
            throw Bad($"{name} declares a size of {width} x {height} pixels, which is no picture");
        var (depth, colour) = (data[24], data[25]);
        var channels = (colour, depth) switch
        {
            (0, 1 or 2 or 4 or 8 or 16) or (3, 1 or 2 or 4 or 8) => 1,
            (2, 8 or 16) => 3,
            (4, 8 or 16) => 2,
            (6, 8 or 16) => 4,
            _ => throw Bad($"{name}: a PNG of colour type {colour} with {depth} bits is not valid"),
        };
        if (data[28] > 1) throw Bad($"{name}: the PNG names an unknown interlacing");
        // deflate expands at most 1032 times
        if ((UInt128)width * height * (uint)(channels * depth) / 8 > ((UInt128)data.Length + 64) * 1032)
            throw Bad($"{name} declares {width} x {height} pixels, which its {data.Length} bytes cannot hold");
        return new PictureHeader(PictureFormat.Png, (int)width, (int)height, PngOrientation(data));
    }

    private static int PngOrientation(ReadOnlySpan<byte> data)
    {
        for (var at = 8; at + 12 <= data.Length;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(data[at..]);
            if (length > data.Length - at - 12) return 1;
            if (data.Slice(at + 4, 4).SequenceEqual("eXIf"u8)) return TiffDirectory.Orientation(data.Slice(at + 8, (int)length));
            at += (int)length + 12;
        }

        return 1;
    }

    private static PictureHeader WebP(ReadOnlySpan<byte> data, string name)
    {
        if (data.Length < 30) throw Bad($"{name}: the WebP ends inside its header");
        var kind = data[12..16];
        if (kind.SequenceEqual("VP8X"u8))
        {
            var width = 1 + (data[24] | (data[25] << 8) | (data[26] << 16));
            var height = 1 + (data[27] | (data[28] << 8) | (data[29] << 16));
            return new PictureHeader(PictureFormat.WebP, width, height, WebPOrientation(data));
        }

        if (kind.SequenceEqual("VP8L"u8))
        {
            var bits = BinaryPrimitives.ReadUInt32LittleEndian(data[21..]);
            if (data[20] != 0x2F) throw Bad($"{name}: the WebP's lossless stream has no signature");
            return new PictureHeader(PictureFormat.WebP, 1 + (int)(bits & 0x3FFF), 1 + (int)((bits >> 14) & 0x3FFF), 1);
        }

        if (!kind.SequenceEqual("VP8 "u8) || data[23] != 0x9D || data[24] != 1 || data[25] != 0x2A) throw Bad($"{name}: the WebP holds no picture stream");
        var w = BinaryPrimitives.ReadUInt16LittleEndian(data[26..]) & 0x3FFF;
        var h = BinaryPrimitives.ReadUInt16LittleEndian(data[28..]) & 0x3FFF;
        return new PictureHeader(PictureFormat.WebP, w, h, 1);
    }

    private static int WebPOrientation(ReadOnlySpan<byte> data)
    {
        for (var at = 12; at + 8 <= data.Length;)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(data[(at + 4)..]);
            if (length > data.Length - at - 8) return 1;
            var body = data.Slice(at + 8, (int)length);
            if (data.Slice(at, 4).SequenceEqual("EXIF"u8)) return TiffDirectory.Orientation(body.StartsWith("Exif\0\0"u8) ? body[6..] : body);
            at += 8 + (int)length + (int)(length & 1);
        }

        return 1;
    }

    private static PictureHeader Gif(ReadOnlySpan<byte> data, string name)
    {
        if (data.Length < 13) throw Bad($"{name}: the GIF ends inside its header");
        return new PictureHeader(PictureFormat.Gif, BinaryPrimitives.ReadUInt16LittleEndian(data[6..]), BinaryPrimitives.ReadUInt16LittleEndian(data[8..]), 1);
    }

    private static PictureHeader Tiff(ReadOnlySpan<byte> data, string name)
    {
        var width = TiffDirectory.Find(data, TiffDirectory.ImageWidth);
        var height = TiffDirectory.Find(data, TiffDirectory.ImageLength);
        if (width is null or <= 0 or > int.MaxValue || height is null or <= 0 or > int.MaxValue)
            throw Bad($"{name}: the TIFF's first page declares no size");
        return new PictureHeader(PictureFormat.Tiff, (int)width, (int)height, TiffDirectory.Orientation(data));
    }
}
