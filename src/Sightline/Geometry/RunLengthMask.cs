using System.Text;

namespace Sightline.Geometry;

/// <summary>
/// A mask of zeros and ones as COCO stores it: the lengths of the alternating runs of the picture read column by column,
/// zeros first (a picture that starts with a one has a first run of 0). Strings, areas, boxes and IoU are equal to those of
/// pycocotools (cocodataset/cocoapi, common/maskApi.c). Immutable.
/// </summary>
public sealed class RunLengthMask
{
    private readonly uint[] _counts;

    internal RunLengthMask(int height, int width, uint[] counts)
    {
        Height = height;
        Width = width;
        _counts = counts;
    }

    /// <summary>Rows of the picture.</summary>
    public int Height { get; }

    /// <summary>Columns of the picture.</summary>
    public int Width { get; }

    /// <summary>The uncompressed runs.</summary>
    public ReadOnlySpan<uint> Counts => _counts;

    /// <summary>The number of ones.</summary>
    public long Area
    {
        get
        {
            var area = 0L;
            for (var i = 1; i < _counts.Length; i += 2) area += _counts[i];
            return area;
        }
    }

    /// <summary>From uncompressed runs.</summary>
    /// <exception cref="SightlineException">BadData: the runs do not add up to the picture.</exception>
    public static RunLengthMask FromCounts(int height, int width, ReadOnlySpan<uint> counts) => Checked(height, width, counts.ToArray());

    /// <summary>From the compressed string of a COCO file.</summary>
    /// <exception cref="SightlineException">BadData: the string is damaged or does not add up to the picture.</exception>
    public static RunLengthMask FromCompressed(int height, int width, string counts) => FromCompressed(height, width, Encoding.Latin1.GetBytes(counts));

    /// <summary>From the compressed string of a COCO file, as bytes.</summary>
    /// <exception cref="SightlineException">BadData: the string is damaged or does not add up to the picture.</exception>
    public static RunLengthMask FromCompressed(int height, int width, ReadOnlySpan<byte> counts) => Checked(height, width, RunLengthString.Decode(counts));

    /// <summary>From a picture of bytes, where anything but 0 is a one.</summary>
    /// <param name="mask">[height, width], row-major</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <exception cref="ArgumentException">The length does not fit.</exception>
    public static RunLengthMask FromMask(ReadOnlySpan<byte> mask, int height, int width)
    {
        if (mask.Length != (long)height * width) throw new ArgumentException($"a mask of {height}x{width} has {(long)height * width} values, got {mask.Length}", nameof(mask));
        var counts = new List<uint>();
        var last = false;
        var run = 0u;
        for (var x = 0; x < width; x++)
        {
            for (var y = 0; y < height; y++)
            {
                var one = mask[(y * width) + x] != 0;
                if (one != last)
                {
                    counts.Add(run);
                    run = 0;
                    last = one;
                }

                run++;
            }
        }

        counts.Add(run);
        return new RunLengthMask(height, width, [.. counts]);
    }

    /// <summary>The pixels of one polygon, by the rule of COCO (a five times finer outline, sampled at pixel centres).</summary>
    /// <param name="polygon">[2 * points] x, y, x, y ... in pixels</param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="width">Columns of the picture.</param>
    public static RunLengthMask FromPolygon(ReadOnlySpan<double> polygon, int height, int width) => PolygonRuns.Fill(polygon, height, width);

    /// <summary>The union of several polygons: one COCO annotation.</summary>
    public static RunLengthMask FromPolygons(IReadOnlyList<double[]> polygons, int height, int width)
    {
        if (polygons.Count == 0) return new RunLengthMask(height, width, [(uint)(height * width)]);
        var masks = new RunLengthMask[polygons.Count];
        for (var i = 0; i < masks.Length; i++) masks[i] = FromPolygon(polygons[i], height, width);
        return Merge(masks);
    }

    /// <summary>The pixels of a box in pixels of the picture, as the polygon of its corners.</summary>
    public static RunLengthMask FromBox(in Box box, int height, int width) => FromXywh(box.X1, box.Y1, box.X2 - box.X1, box.Y2 - box.Y1, height, width);

    /// <summary>The pixels of a box given by its upper left corner and size.</summary>
    public static RunLengthMask FromXywh(double x, double y, double boxWidth, double boxHeight, int height, int width)
    {
        var (right, bottom) = (x + boxWidth, y + boxHeight);
        return FromPolygon([x, y, x, bottom, right, bottom, right, y], height, width);
    }

    /// <summary>The union (or with <paramref name="intersect"/> the common part) of masks of one picture.</summary>
    /// <exception cref="ArgumentException">No mask, or pictures of different sizes.</exception>
    public static RunLengthMask Merge(IReadOnlyList<RunLengthMask> masks, bool intersect = false)
    {
        if (masks.Count == 0) throw new ArgumentException("there is no mask to merge", nameof(masks));
        var result = masks[0];
        for (var i = 1; i < masks.Count; i++) result = Combine(result, masks[i], intersect);
        return result;
    }

    /// <summary>The union with another mask of the same picture.</summary>
    public RunLengthMask Union(RunLengthMask other) => Combine(this, other, false);

    /// <summary>The common part with another mask of the same picture.</summary>
    public RunLengthMask Intersect(RunLengthMask other) => Combine(this, other, true);

    /// <summary>Pixels that both have and pixels that either has.</summary>
    /// <exception cref="ArgumentException">Pictures of different sizes.</exception>
    public (long Intersection, long Union) Overlap(RunLengthMask other)
    {
        RequireSameSize(this, other);
        var (a, b) = (_counts, other._counts);
        var (ia, ib) = (0, 0);
        var (leftA, leftB) = (a.Length > 0 ? a[0] : 0, b.Length > 0 ? b[0] : 0);
        var (intersection, union) = (0L, 0L);
        while (true)
        {
            while (leftA == 0 && ia + 1 < a.Length) leftA = a[++ia];
            while (leftB == 0 && ib + 1 < b.Length) leftB = b[++ib];
            var step = Math.Min(leftA, leftB);
            if (step == 0) return (intersection, union);
            var ones = (ia & 1) + (ib & 1);
            if (ones > 0) union += step;
            if (ones > 1) intersection += step;
            leftA -= step;
            leftB -= step;
        }
    }

    /// <summary>
    /// Intersection over union; with <paramref name="crowd"/> (the other mask marks a crowd) intersection over this mask's
    /// own area, as COCO defines it. Two empty masks give 0, as in pycocotools.
    /// </summary>
    /// <exception cref="ArgumentException">Pictures of different sizes.</exception>
    public double IouWith(RunLengthMask other, bool crowd = false)
    {
        var (intersection, union) = Overlap(other);
        return intersection == 0 ? 0 : (double)intersection / (crowd ? Area : union);
    }

    /// <summary>The smallest box around the ones, in pixels of the picture; all zero when there are none.</summary>
    public Box Bounds()
    {
        var (x, y, width, height) = BoundsXywh();
        return Box.FromXywh(x, y, width, height, CoordinateFrame.Pixels(Width, Height));
    }

    /// <summary>The smallest box around the ones as COCO writes it: x, y, width, height.</summary>
    public (double X, double Y, double Width, double Height) BoundsXywh()
    {
        var runs = _counts.Length / 2 * 2;
        if (runs == 0 || Height == 0) return default;
        var h = (uint)Height;
        var (left, top, right, bottom, position, startColumn) = ((uint)Width, h, 0u, 0u, 0u, 0u);
        for (var j = 0; j < runs; j++)
        {
            position += _counts[j];
            var pixel = position - (uint)(j & 1); // first pixel of a run of ones, then its last
            var (column, row) = (pixel / h, pixel % h);
            if ((j & 1) == 0) startColumn = column;
            else if (startColumn < column) (top, bottom) = (0, h - 1); // a run over the column's end touches both edges
            left = Math.Min(left, column);
            right = Math.Max(right, column);
            top = Math.Min(top, row);
            bottom = Math.Max(bottom, row);
        }

        return (left, top, (double)right - left + 1, (double)bottom - top + 1);
    }

    /// <summary>The compressed string of a COCO file.</summary>
    public string ToCompressed() => RunLengthString.Encode(_counts);

    /// <summary>The picture of zeros and ones.</summary>
    /// <returns>[Height, Width], row-major</returns>
    public byte[] ToMask()
    {
        var mask = new byte[Height * Width];
        var position = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            var end = position + (int)_counts[i];
            if ((i & 1) == 1)
            {
                for (var p = position; p < end; p++) mask[(p % Height * Width) + (p / Height)] = 1;
            }

            position = end;
        }

        return mask;
    }

    private static RunLengthMask Combine(RunLengthMask first, RunLengthMask second, bool intersect)
    {
        RequireSameSize(first, second);
        var (a, b) = (first._counts, second._counts);
        var merged = new List<uint>(a.Length + b.Length);
        var (ia, ib) = (0, 0);
        var (leftA, leftB) = (a.Length > 0 ? a[0] : 0, b.Length > 0 ? b[0] : 0);
        var (run, last) = (0u, false);
        while (true)
        {
            while (leftA == 0 && ia + 1 < a.Length) leftA = a[++ia];
            while (leftB == 0 && ib + 1 < b.Length) leftB = b[++ib];
            var step = Math.Min(leftA, leftB);
            if (step == 0) break;
            var one = intersect ? (ia & ib & 1) == 1 : ((ia | ib) & 1) == 1;
            if (one != last)
            {
                merged.Add(run);
                run = 0;
                last = one;
            }

            run += step;
            leftA -= step;
            leftB -= step;
        }

        merged.Add(run);
        return new RunLengthMask(first.Height, first.Width, [.. merged]);
    }

    private static RunLengthMask Checked(int height, int width, uint[] counts)
    {
        if (height < 0 || width < 0) throw new SightlineException(ErrorKind.BadData, $"a run-length mask cannot have the size {height}x{width}");
        var sum = 0L;
        foreach (var count in counts) sum += count;
        return sum == (long)height * width && sum <= int.MaxValue
            ? new RunLengthMask(height, width, counts)
            : throw new SightlineException(ErrorKind.BadData, $"the runs of a mask add up to {sum} pixels, but its picture of {height}x{width} has {(long)height * width}");
    }

    private static void RequireSameSize(RunLengthMask a, RunLengthMask b)
    {
        if (a.Height != b.Height || a.Width != b.Width)
            throw new ArgumentException($"masks of different pictures: {a.Height}x{a.Width} and {b.Height}x{b.Width}");
    }
}
