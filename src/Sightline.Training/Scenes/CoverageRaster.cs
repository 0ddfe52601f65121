namespace Sightline.Training.Scenes;

/// <summary>
/// Exact-area antialiasing of polygons. Every edge adds, to the cells that it crosses, the area that it cuts off to its
/// right; a running sum along the row then gives each pixel's covered share (the signed-area accumulation that font
/// rasterisers use). Cost: edges x rows crossed + pixels of the bounding box. Not thread-safe; reuse one a thread.
/// </summary>
internal sealed class CoverageRaster
{
    private float[] _cells = [];
    private int _stride;

    /// <summary>Left edge of the window in pixels.</summary>
    public int Left { get; private set; }

    public int Top { get; private set; }

    public int Width { get; private set; }

    public int Height { get; private set; }

    /// <summary>Starts an empty window of the picture.</summary>
    public void Begin(int left, int top, int width, int height)
    {
        (Left, Top, Width, Height) = (left, top, width, height);
        _stride = width + 2; // an edge in the last column spills into one more cell
        var size = _stride * height;
        if (_cells.Length < size) _cells = new float[size];
        else Array.Clear(_cells, 0, size);
    }

    /// <summary>Adds an edge in picture coordinates; the whole outline must lie inside the window.</summary>
    public void Edge(double x0, double y0, double x1, double y1)
    {
        if (y0 == y1) return;
        var direction = 1f;
        if (y0 > y1)
        {
            (x0, y0, x1, y1) = (x1, y1, x0, y0);
            direction = -1;
        }

        var slope = (x1 - x0) / (y1 - y0);
        (x0, y0, y1) = (x0 - Left, Math.Max(y0 - Top, 0), y1 - Top);
        var x = x0;
        var last = Math.Min((int)Math.Ceiling(y1), Height);
        for (var row = (int)y0; row < last; row++)
        {
            var height = Math.Min(row + 1, y1) - Math.Max(row, y0);
            var next = x + (slope * height);
            AddRow(_cells.AsSpan(row * _stride, _stride), Math.Min(x, next), Math.Max(x, next), (float)(height * direction));
            x = next;
        }
    }

    /// <summary>The covered share of each pixel of a row of the window, 0..1.</summary>
    public void Row(int row, Span<float> coverage)
    {
        var cells = _cells.AsSpan(row * _stride, Width);
        var sum = 0f;
        for (var i = 0; i < Width; i++)
        {
            sum += cells[i];
            coverage[i] = Math.Min(Math.Abs(sum), 1);
        }
    }

    // the part of an edge inside one row runs from x0 to x1 (x0 <= x1) and covers the signed height d
    private void AddRow(Span<float> cells, double x0, double x1, float d)
    {
        x0 = Math.Clamp(x0, 0, Width);
        x1 = Math.Clamp(x1, 0, Width);
        var (first, last) = ((int)x0, (int)Math.Ceiling(x1));
        if (last <= first + 1)
        {
            var middle = (float)(((x0 + x1) / 2) - first);
            cells[first] += d * (1 - middle);
            cells[first + 1] += d * middle;
            return;
        }

        // several cells: the covered area grows quadratically in the first and last, linearly between
        var perCell = (float)(1 / (x1 - x0));
        var enter = (float)(1 - (x0 - first));
        var area0 = 0.5f * perCell * enter * enter;
        var leave = (float)(x1 - last + 1);
        var areaLast = 0.5f * perCell * leave * leave;
        cells[first] += d * area0;
        if (last == first + 2)
        {
            cells[first + 1] += d * (1 - area0 - areaLast);
        }
        else
        {
            var area1 = perCell * (1.5f - (float)(x0 - first));
            cells[first + 1] += d * (area1 - area0);
            for (var i = first + 2; i < last - 1; i++) cells[i] += d * perCell;
            var before = area1 + ((last - first - 3) * perCell);
            cells[last - 1] += d * (1 - before - areaLast);
        }

        cells[last] += d * areaLast;
    }
}
