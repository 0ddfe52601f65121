using System.Buffers.Binary;
using System.Numerics;

namespace Sightline.Imaging.Codecs;

/// <summary>
/// Windows bitmaps (headers of 12, 40, 52, 56, 108 and 124 bytes; 1, 4, 8, 16, 24 and 32 bits; bit masks; RLE4 and RLE8;
/// rows from either end). Debian's libvips reads BMP only through ImageMagick, so this is our own. The layout follows
/// Microsoft's documentation of BITMAPINFOHEADER and BITMAPV5HEADER. Alpha is ignored, as Pillow does for BI_RGB.
/// </summary>
internal static class BmpReader
{
    private const int Rgb = 0;
    private const int Rle8 = 1;
    private const int Rle4 = 2;
    private const int BitFields = 3;
    private const int AlphaBitFields = 6;

    private readonly record struct Info(int Width, int Height, bool TopDown, int Bits, int Compression, int PixelOffset, int PaletteOffset, int PaletteStep, int PaletteCount);

    public static PictureHeader ReadHeader(ReadOnlySpan<byte> data, string name)
    {
        var info = ReadInfo(data, name);
        return new PictureHeader(PictureFormat.Bmp, info.Width, info.Height, 1);
    }

    /// <summary>Decodes to RGB. The pixel buffer is allocated only after the file was seen to be long enough.</summary>
    public static Picture Decode(ReadOnlySpan<byte> data, string name)
    {
        var info = ReadInfo(data, name);
        var palette = info.Bits <= 8 ? ReadPalette(data, info, name) : [];
        if (info.Compression is Rle8 or Rle4)
        {
            // one byte pair makes at most 255 pixels
            if ((long)info.Width * info.Height > 255L * data.Length) throw Cannot(info, data.Length, name);
            return ToPicture(info, DecodeRuns(data[info.PixelOffset..], info), palette);
        }

        var stride = (((long)info.Width * info.Bits) + 31) / 32 * 4;
        if (stride * info.Height > data.Length - info.PixelOffset) throw Cannot(info, data.Length, name);
        var masks = info.Bits is 16 or 32 ? ReadMasks(data, info) : default;
        var rgb = new byte[(long)info.Width * info.Height * 3];
        for (var y = 0; y < info.Height; y++)
        {
            var row = data.Slice((int)(info.PixelOffset + (stride * (info.TopDown ? y : info.Height - 1 - y))), (int)stride);
            DecodeRow(row, rgb.AsSpan(y * info.Width * 3, info.Width * 3), info, palette, masks);
        }

        return new Picture(info.Width, info.Height, rgb);
    }

    private static SightlineException Cannot(in Info info, int length, string name) =>
        HeaderReader.Bad($"{name} declares {info.Width} x {info.Height} pixels, which its {length} bytes do not hold");

    private static Info ReadInfo(ReadOnlySpan<byte> data, string name)
    {
        if (data.Length < 26) throw HeaderReader.Bad($"{name}: the BMP ends inside its header");
        var pixelOffset = BinaryPrimitives.ReadUInt32LittleEndian(data[10..]);
        var headerSize = BinaryPrimitives.ReadUInt32LittleEndian(data[14..]);
        if (headerSize is not (12 or 40 or 52 or 56 or 64 or 108 or 124) || data.Length < 14 + headerSize)
            throw HeaderReader.Bad($"{name}: the BMP's header of {headerSize} bytes is not known or not whole");
        var core = headerSize == 12;
        long width = core ? BinaryPrimitives.ReadUInt16LittleEndian(data[18..]) : BinaryPrimitives.ReadInt32LittleEndian(data[18..]);
        long height = core ? BinaryPrimitives.ReadUInt16LittleEndian(data[20..]) : BinaryPrimitives.ReadInt32LittleEndian(data[22..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(data[(core ? 24 : 28)..]);
        var compression = core ? Rgb : (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(data[30..]), 99);
        var colours = core ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(data[46..]);
        if (width <= 0 || height is 0 or <= -int.MaxValue) throw HeaderReader.Bad($"{name} declares a size of {width} x {height} pixels, which is no picture");
        var known = (compression, bits) is (Rgb, 1 or 4 or 8 or 16 or 24 or 32) or (Rle8, 8) or (Rle4, 4) or (BitFields or AlphaBitFields, 16 or 32);
        if (!known) throw HeaderReader.Bad($"{name}: a BMP of {bits} bits with compression {compression} is not supported");
        var afterHeader = 14 + (int)headerSize + (headerSize == 40 ? compression switch { BitFields => 12, AlphaBitFields => 16, _ => 0 } : 0);
        if (pixelOffset < afterHeader || pixelOffset > data.Length)
            throw HeaderReader.Bad($"{name}: the BMP's pixels are said to begin outside the file");
        var count = bits <= 8 ? (int)Math.Min(colours == 0 ? 1u << bits : colours, 1u << bits) : 0;
        return new Info((int)width, (int)Math.Abs(height), height < 0, bits, compression, (int)pixelOffset, afterHeader, core ? 3 : 4, count);
    }

    private static byte[] ReadPalette(ReadOnlySpan<byte> data, in Info info, string name)
    {
        if (info.PaletteOffset + (info.PaletteCount * info.PaletteStep) > data.Length) throw HeaderReader.Bad($"{name}: the BMP's palette is not whole");
        var palette = new byte[3 << info.Bits]; // indices without an entry are black
        for (var i = 0; i < info.PaletteCount; i++)
        {
            var entry = data.Slice(info.PaletteOffset + (i * info.PaletteStep), 3);
            (palette[3 * i], palette[(3 * i) + 1], palette[(3 * i) + 2]) = (entry[2], entry[1], entry[0]);
        }

        return palette;
    }

    private static (uint R, uint G, uint B) ReadMasks(ReadOnlySpan<byte> data, in Info info)
    {
        if (info.Compression == Rgb) return info.Bits == 16 ? (0x7C00u, 0x03E0u, 0x001Fu) : (0xFF0000u, 0xFF00u, 0xFFu);
        return (BinaryPrimitives.ReadUInt32LittleEndian(data[54..]), BinaryPrimitives.ReadUInt32LittleEndian(data[58..]), BinaryPrimitives.ReadUInt32LittleEndian(data[62..]));
    }

    private static void DecodeRow(ReadOnlySpan<byte> row, Span<byte> rgb, in Info info, byte[] palette, (uint R, uint G, uint B) masks)
    {
        for (var x = 0; x < info.Width; x++)
        {
            var to = rgb.Slice(3 * x, 3);
            switch (info.Bits)
            {
                case 24:
                    (to[0], to[1], to[2]) = (row[(3 * x) + 2], row[(3 * x) + 1], row[3 * x]);
                    break;
                case 16 or 32:
                    var value = info.Bits == 16 ? BinaryPrimitives.ReadUInt16LittleEndian(row[(2 * x)..]) : BinaryPrimitives.ReadUInt32LittleEndian(row[(4 * x)..]);
                    (to[0], to[1], to[2]) = (Field(value, masks.R), Field(value, masks.G), Field(value, masks.B));
                    break;
                default:
                    var bit = x * info.Bits;
                    var index = (row[bit >> 3] >> (8 - info.Bits - (bit & 7))) & ((1 << info.Bits) - 1);
                    palette.AsSpan(3 * index, 3).CopyTo(to);
                    break;
            }
        }
    }

    private static byte Field(uint value, uint mask)
    {
        if (mask == 0) return 0;
        var shift = BitOperations.TrailingZeroCount(mask);
        return (byte)((ulong)((value & mask) >> shift) * 255 / (mask >> shift));
    }

    /// <summary>Palette indices, row 0 at the bottom of the picture; what the runs do not reach stays 0.</summary>
    private static byte[] DecodeRuns(ReadOnlySpan<byte> data, in Info info)
    {
        var indices = new byte[(long)info.Width * info.Height];
        var (x, y, at) = (0, 0, 0);
        while (at + 1 < data.Length && y < info.Height)
        {
            var (count, value) = (data[at], data[at + 1]);
            at += 2;
            if (count > 0)
            {
                for (var i = 0; i < count; i++, x++) Put(indices, info, x, y, info.Bits == 8 ? value : (byte)((i & 1) == 0 ? value >> 4 : value & 15));
            }
            else if (value == 0)
            {
                (x, y) = (0, y + 1);
            }
            else if (value == 1)
            {
                break;
            }
            else if (value == 2)
            {
                if (at + 2 > data.Length) break;
                (x, y) = (x + data[at], y + data[at + 1]);
                at += 2;
            }
            else
            {
                var bytes = info.Bits == 8 ? value : (value + 1) / 2;
                if (at + bytes > data.Length) break;
                for (var i = 0; i < value; i++, x++)
                    Put(indices, info, x, y, info.Bits == 8 ? data[at + i] : (byte)((i & 1) == 0 ? data[at + (i / 2)] >> 4 : data[at + (i / 2)] & 15));
                at += bytes + (bytes & 1); // literal runs are padded to 16 bits
            }
        }

        return indices;
    }

    private static void Put(byte[] indices, in Info info, int x, int y, byte value)
    {
        if (x < info.Width && y < info.Height) indices[((long)y * info.Width) + x] = value;
    }

    private static Picture ToPicture(in Info info, byte[] indices, byte[] palette)
    {
        var rgb = new byte[(long)info.Width * info.Height * 3];
        for (var y = 0; y < info.Height; y++)
        {
            var from = (long)(info.TopDown ? y : info.Height - 1 - y) * info.Width;
            for (var x = 0; x < info.Width; x++) palette.AsSpan(3 * indices[from + x], 3).CopyTo(rgb.AsSpan(((y * info.Width) + x) * 3, 3));
        }

        return new Picture(info.Width, info.Height, rgb);
    }
}
