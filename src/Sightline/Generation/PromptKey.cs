using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Sightline.Generation;

/// <summary>
/// What makes two prompts the same token by token: the id for text, for an image token a number drawn from the picture's contents and the token's row. Prompts
/// with a common beginning of keys share keys and values.
/// </summary>
internal static class PromptKey
{
    private const ulong Picture = 1UL << 63;

    /// <summary>A picture by its contents.</summary>
    public static ulong Of(PicturePatches picture)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(picture.Values.Span), digest);
        var (time, height, width) = (picture.Grid.Time, picture.Grid.Height, picture.Grid.Width);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest) ^ (((ulong)time << 42) + ((ulong)height << 21) + (ulong)width);
    }

    /// <summary>[T], a key for each token.</summary>
    public static ulong[] OfTokens(ReadOnlySpan<int> ids, PromptLayout layout, ReadOnlySpan<ulong> pictures)
    {
        var keys = new ulong[ids.Length];
        for (var i = 0; i < ids.Length; i++) keys[i] = (ulong)ids[i];
        for (var p = 0; p < pictures.Length; p++)
        {
            var place = layout.Pictures[p];
            for (var row = 0; row < place.Count; row++) keys[place.Start + row] = Mixed(pictures[p] + ((ulong)row * 0x9E3779B97F4A7C15)) | Picture;
        }

        return keys;
    }

    // the finalizer of SplitMix64
    private static ulong Mixed(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
