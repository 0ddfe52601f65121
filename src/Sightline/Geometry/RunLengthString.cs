using System.Text;

namespace Sightline.Geometry;

/// <summary>
/// COCO's compressed form of run lengths: each count from the fourth on is written as its difference from the count two
/// before, in groups of five bits, least significant first, bit 5 saying that more follow, offset by 48 so that every byte
/// prints (cocodataset/cocoapi, common/maskApi.c, rleToString and rleFrString).
/// </summary>
internal static class RunLengthString
{
    private const int MaxGroups = 7; // 35 bits hold any difference of two 32-bit counts

    public static string Encode(ReadOnlySpan<uint> counts)
    {
        var text = new StringBuilder(counts.Length * 2);
        for (var i = 0; i < counts.Length; i++)
        {
            var x = i > 2 ? (long)counts[i] - counts[i - 2] : counts[i];
            for (var more = true; more;)
            {
                var group = (int)(x & 0x1F);
                x >>= 5;
                more = (group & 0x10) != 0 ? x != -1 : x != 0; // until the sign bit of the group says the rest
                text.Append((char)((more ? group | 0x20 : group) + 48));
            }
        }

        return text.ToString();
    }

    public static uint[] Decode(ReadOnlySpan<byte> text)
    {
        var counts = new uint[text.Length];
        var n = 0;
        for (var p = 0; p < text.Length;)
        {
            var (x, groups, group) = (0L, 0, 0);
            do
            {
                if (p == text.Length) throw Damaged(text.Length, "ends within a number");
                group = text[p++] - 48;
                if (group is < 0 or > 63) throw Damaged(p - 1, "holds a character outside '0'..'o'");
                if (groups == MaxGroups) throw Damaged(p - 1, "holds a number that is too long");
                x |= (long)(group & 0x1F) << (5 * groups++);
            }
            while ((group & 0x20) != 0);

            if ((group & 0x10) != 0) x |= -1L << (5 * groups);
            if (n > 2) x += counts[n - 2];
            if (x is < 0 or > uint.MaxValue) throw Damaged(p - 1, $"gives a run of {x} pixels");
            counts[n++] = (uint)x;
        }

        return counts[..n];
    }

    private static SightlineException Damaged(int position, string what) =>
        new(ErrorKind.BadData, $"a compressed run-length mask {what} (at character {position})");
}
