namespace Sightline.Geometry;

/// <summary>
/// A polygon as runs of pixels, with the rounding of COCO (cocodataset/cocoapi, common/maskApi.c, rleFrPoly): the outline is
/// drawn on a grid five times finer, its crossings of the pixel columns' centres are rounded to rows, and between two
/// crossings of a column lie the ones. Overlapping crossings cancel (even-odd rule).
/// </summary>
internal static class PolygonRuns
{
    private const double Scale = 5;

    public static RunLengthMask Fill(ReadOnlySpan<double> polygon, int height, int width)
    {
        if (polygon.Length % 2 != 0) throw new SightlineException(ErrorKind.BadData, $"a polygon has pairs of x and y, got {polygon.Length} numbers");
        var crossings = new List<uint>();
        var points = polygon.Length / 2;
        var (previousU, previousV, any) = (0, 0, false);
        for (var i = 0; i < points; i++)
        {
            var next = (i + 1) % points;
            var (x0, y0) = (Fine(polygon[2 * i]), Fine(polygon[(2 * i) + 1]));
            var (x1, y1) = (Fine(polygon[2 * next]), Fine(polygon[(2 * next) + 1]));
            var (dx, dy) = (Math.Abs(x1 - x0), Math.Abs(y1 - y0));
            var steep = dx < dy;
            // every edge is walked from its lower end, so that an edge shared by two polygons rounds alike in both
            var flip = steep ? y0 > y1 : x0 > x1;
            if (flip) (x0, y0, x1, y1) = (x1, y1, x0, y0);
            var length = Math.Max(dx, dy);
            var slope = length == 0 ? 0 : steep ? (double)(x1 - x0) / dy : (double)(y1 - y0) / dx;
            for (var d = 0; d <= length; d++)
            {
                var t = flip ? length - d : d;
                var u = steep ? (int)(x0 + (slope * t) + .5) : t + x0;
                var v = steep ? t + y0 : (int)(y0 + (slope * t) + .5);
                if (any && u != previousU) AddCrossing(crossings, u, v, previousU, previousV, height, width);
                (previousU, previousV, any) = (u, v, true);
            }
        }

        return new RunLengthMask(height, width, Runs(crossings, (uint)(height * width)));
    }

    private static int Fine(double coordinate)
    {
        var fine = (Scale * coordinate) + .5;
        return Math.Abs(fine) < 1 << 28 ? (int)fine : throw new SightlineException(ErrorKind.BadData, $"a polygon has the coordinate {coordinate}, far outside any picture");
    }

    private static void AddCrossing(List<uint> crossings, int u, int v, int previousU, int previousV, int height, int width)
    {
        var column = (((u < previousU ? u : u - 1) + .5) / Scale) - .5;
        if (Math.Floor(column) != column || column < 0 || column > width - 1) return;
        var row = Math.Ceiling(Math.Clamp(((Math.Min(v, previousV) + .5) / Scale) - .5, 0, height));
        crossings.Add((uint)(((int)column * height) + (int)row));
    }

    private static uint[] Runs(List<uint> crossings, uint pixels)
    {
        crossings.Add(pixels);
        crossings.Sort();
        var runs = new List<uint>(crossings.Count);
        var previous = 0u;
        for (var i = 0; i < crossings.Count; i++)
        {
            var run = crossings[i] - previous;
            previous = crossings[i];
            if (run > 0 || i == 0)
            {
                runs.Add(run);
                continue;
            }

            // two crossings at one place: what follows belongs to the run before them
            if (++i == crossings.Count) break;
            runs[^1] += crossings[i] - previous;
            previous = crossings[i];
        }

        return [.. runs];
    }
}
