using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Tests.Reference;

internal sealed partial class ReferenceEngine
{
    public override void Interpolate(Interpolation mode, Tensor x, Tensor y, bool alignCorners, bool antialias)
    {
        var (values, sums) = (Read(x), new double[y.Count]);
        ForEachWeight(mode, x.Shape, y.Shape, alignCorners, antialias, (from, to, weight) => sums[to] += weight * values[from]);
        Write(y, sums);
    }

    public override void InterpolateBackward(Interpolation mode, Tensor dy, Tensor dx, bool alignCorners, bool antialias)
    {
        var (g, sums) = (Read(dy), new double[dx.Count]);
        ForEachWeight(mode, dx.Shape, dy.Shape, alignCorners, antialias, (from, to, weight) => sums[from] += weight * g[to]);
        Write(dx, sums);
    }

    public override void GridSample(Tensor x, Tensor grid, Tensor y, bool alignCorners)
    {
        var (values, places, sums) = (Read(x), Read(grid), new double[y.Count]);
        var (C, H, W, count) = (x.Shape[1], x.Shape[2], x.Shape[3], y.Shape[2] * y.Shape[3]);
        for (var i = 0; i < sums.Length; i++)
        {
            var (plane, at) = (i / count, (i / count / C * count) + (i % count));
            foreach (var corner in Corners(ToPixel(places[2 * at], W, alignCorners), ToPixel(places[(2 * at) + 1], H, alignCorners), H, W))
                sums[i] += corner.Weight * values[(plane * H * W) + corner.Offset];
        }

        Write(y, sums);
    }

    public override void GridSampleBackward(Tensor x, Tensor grid, Tensor dy, Tensor? dx, Tensor? dGrid, bool alignCorners)
    {
        var (values, places, g) = (Read(x), Read(grid), Read(dy));
        var (forX, forGrid) = (new double[values.Length], new double[places.Length]);
        var (C, H, W, count) = (x.Shape[1], x.Shape[2], x.Shape[3], dy.Shape[2] * dy.Shape[3]);
        for (var i = 0; i < g.Length; i++)
        {
            var (plane, at) = (i / count, (i / count / C * count) + (i % count));
            foreach (var corner in Corners(ToPixel(places[2 * at], W, alignCorners), ToPixel(places[(2 * at) + 1], H, alignCorners), H, W))
            {
                var from = (plane * H * W) + corner.Offset;
                forX[from] += g[i] * corner.Weight;
                forGrid[2 * at] += g[i] * values[from] * corner.AlongX * (alignCorners ? (W - 1) / 2.0 : W / 2.0);
                forGrid[(2 * at) + 1] += g[i] * values[from] * corner.AlongY * (alignCorners ? (H - 1) / 2.0 : H / 2.0);
            }
        }

        WriteIf(dx, forX);
        WriteIf(dGrid, forGrid);
    }

    public override void DeformableAttention(Tensor value, ReadOnlySpan<(int Height, int Width)> levels, Tensor locations, Tensor weights, Tensor y)
    {
        var (values, w, sums) = (Read(value), Read(weights), new double[y.Count]);
        foreach (var sample in Samples(value, levels.ToArray(), locations))
        {
            for (var d = 0; d < value.Shape[3]; d++) sums[sample.Row + d] += w[sample.Place] * sample.Corner.Weight * values[sample.From + d];
        }

        Write(y, sums);
    }

    public override void DeformableAttentionBackward(
        Tensor value, ReadOnlySpan<(int Height, int Width)> levels, Tensor locations, Tensor weights, Tensor dy, Tensor? dValue, Tensor? dLocations, Tensor? dWeights)
    {
        var (values, w, g) = (Read(value), Read(weights), Read(dy));
        var (forValue, forPlaces, forWeights) = (new double[values.Length], new double[locations.Count], new double[w.Length]);
        foreach (var sample in Samples(value, levels.ToArray(), locations))
        {
            var (place, corner) = (sample.Place, sample.Corner);
            for (var d = 0; d < value.Shape[3]; d++)
            {
                var product = g[sample.Row + d] * values[sample.From + d];
                forValue[sample.From + d] += w[place] * corner.Weight * g[sample.Row + d];
                forWeights[place] += corner.Weight * product;
                forPlaces[2 * place] += w[place] * sample.Size.Width * corner.AlongX * product;
                forPlaces[(2 * place) + 1] += w[place] * sample.Size.Height * corner.AlongY * product;
            }
        }

        WriteIf(dValue, forValue);
        WriteIf(dLocations, forPlaces);
        WriteIf(dWeights, forWeights);
    }

    public override void Rotate(Tensor x, Tensor cos, Tensor sin, Tensor y, bool headsFirst, bool inverse)
    {
        var (values, c, s, D) = (Read(x), Read(cos), Read(sin), x.Shape[3]);
        var (heads, length) = headsFirst ? (x.Shape[1], x.Shape[2]) : (x.Shape[2], x.Shape[1]);
        for (var row = 0; row < x.Shape.Rows; row++)
        {
            var position = headsFirst ? row % length : row / heads % length;
            var table = (cos.Shape[0] == 1 ? position : (row / heads / length * length) + position) * (D / 2);
            for (var i = 0; i < D / 2; i++)
            {
                var (left, right, turn) = (values[(row * D) + i], values[(row * D) + (D / 2) + i], inverse ? -s[table + i] : s[table + i]);
                values[(row * D) + i] = (left * c[table + i]) - (right * turn);
                values[(row * D) + (D / 2) + i] = (right * c[table + i]) + (left * turn);
            }
        }

        Write(y, values);
    }

    public override void SinePositions(Tensor x, Tensor y, int features, float temperature, float scale, bool exchange)
    {
        var (values, result) = (Read(x), new double[y.Count]);
        ForEachSine(x, features, temperature, scale, exchange, (from, to, frequency) =>
        {
            result[to] = Math.Sin(values[from] * frequency);
            result[to + 1] = Math.Cos(values[from] * frequency);
        });
        Write(y, result);
    }

    public override void SinePositionsBackward(Tensor x, Tensor dy, Tensor dx, int features, float temperature, float scale, bool exchange)
    {
        var (values, g, sums) = (Read(x), Read(dy), new double[x.Count]);
        ForEachSine(x, features, temperature, scale, exchange, (from, to, frequency) =>
            sums[from] += frequency * ((g[to] * Math.Cos(values[from] * frequency)) - (g[to + 1] * Math.Sin(values[from] * frequency))));
        Write(dx, sums);
    }

    private static void ForEachSine(Tensor x, int features, float temperature, float scale, bool exchange, Action<int, int, double> visit)
    {
        var K = x.Shape.Columns;
        for (var i = 0; i < x.Count; i++)
        {
            var coordinate = i % K;
            var place = exchange && K >= 2 && coordinate < 2 ? 1 - coordinate : coordinate;
            for (var f = 0; f < features; f += 2) visit(i, ((i - coordinate + place) * features) + f, scale / Math.Pow(temperature, (double)f / features));
        }
    }

    /// <summary>A grid coordinate of -1..1 as a pixel position, in float32 as the operation is defined.</summary>
    private static float ToPixel(double coordinate, int size, bool alignCorners) =>
        alignCorners ? ((float)coordinate + 1) / 2 * (size - 1) : ((((float)coordinate + 1) * size) - 1) / 2;

    /// <summary>One of the four pixels around a place: its weight, and how that changes along x and y.</summary>
    private readonly record struct Corner(int Offset, double Weight, double AlongX, double AlongY);

    /// <summary>The pixels around a place that lie in the picture.</summary>
    private static IEnumerable<Corner> Corners(float x, float y, int height, int width)
    {
        var (left, top) = (MathF.Floor(x), MathF.Floor(y));
        var (right, down) = ((double)(x - left), (double)(y - top));
        for (var i = 0; i < 4; i++)
        {
            var (column, row) = (left + (i % 2), top + (i / 2));
            if (!(column >= 0 && column < width && row >= 0 && row < height)) continue;
            var (across, along) = (i % 2 == 1 ? right : 1 - right, i / 2 == 1 ? down : 1 - down);
            yield return new Corner(((int)row * width) + (int)column, across * along, i % 2 == 1 ? along : -along, i / 2 == 1 ? across : -across);
        }
    }

    /// <summary>A pixel that a sampling place touches: the place, the pixel's channels in value, the channels of the result.</summary>
    private readonly record struct Sample(int Place, int From, int Row, Corner Corner, (int Height, int Width) Size);

    private List<Sample> Samples(Tensor value, (int Height, int Width)[] levels, Tensor locations)
    {
        var (at, samples) = (Read(locations), new List<Sample>());
        var (S, H, D, Q, L, P) = (value.Shape[1], value.Shape[2], value.Shape[3], locations.Shape[1], levels.Length, locations.Shape[4]);
        for (var i = 0; i < at.Length / 2; i++)
        {
            var (l, h, b) = (i / P % L, i / P / L % H, i / P / L / H / Q);
            var first = levels[..l].Sum(level => level.Height * level.Width);
            foreach (var corner in Corners(((float)at[2 * i] * levels[l].Width) - 0.5f, ((float)at[(2 * i) + 1] * levels[l].Height) - 0.5f, levels[l].Height, levels[l].Width))
                samples.Add(new Sample(i, ((((b * S) + first + corner.Offset) * H) + h) * D, i / P / L * D, corner, levels[l]));
        }

        return samples;
    }

    /// <summary>Every weight of a resize, as positions in the picture and in the result.</summary>
    private static void ForEachWeight(Interpolation mode, Shape from, Shape to, bool alignCorners, bool antialias, Action<int, int, double> visit)
    {
        var (down, across) = (Weights(mode, from[2], to[2], alignCorners, antialias), Weights(mode, from[3], to[3], alignCorners, antialias));
        for (var plane = 0; plane < from[0] * from[1]; plane++)
        {
            foreach (var (y, row, weightY) in down)
            {
                foreach (var (x, column, weightX) in across)
                    visit((((plane * from[2]) + y) * from[3]) + x, (((plane * to[2]) + row) * to[3]) + column, weightY * weightX);
            }
        }
    }

    /// <summary>The resampling of one axis: input, output, weight. Places beyond an end read the outermost input.</summary>
    private static List<(int Input, int Output, double Weight)> Weights(Interpolation mode, int inputs, int outputs, bool alignCorners, bool antialias)
    {
        var weights = new List<(int, int, double)>();
        for (var i = 0; i < outputs; i++)
        {
            var at = alignCorners ? i * (outputs > 1 ? (inputs - 1.0) / (outputs - 1) : 0) : ((i + 0.5) * inputs / outputs) - 0.5;
            if (mode == Interpolation.Nearest)
            {
                weights.Add((Math.Min((int)(i * ((float)inputs / outputs)), inputs - 1), i, 1));
            }
            else if (antialias)
            {
                AddAntialiased(weights, mode, inputs, outputs, i);
            }
            else
            {
                if (mode == Interpolation.Bilinear) at = Math.Max(at, 0);
                var reach = mode == Interpolation.Bilinear ? 1 : 2;
                for (var k = (int)Math.Floor(at) - reach + 1; k <= (int)Math.Floor(at) + reach; k++)
                    weights.Add((Math.Clamp(k, 0, inputs - 1), i, reach == 1 ? 1 - Math.Abs(at - k) : Cubic(at - k, -0.75)));
            }
        }

        return weights;
    }

    /// <summary>Pillow's rule: the filter is stretched when shrinking, cut at the ends, and its weights add up to one.</summary>
    private static void AddAntialiased(List<(int Input, int Output, double Weight)> weights, Interpolation mode, int inputs, int outputs, int output)
    {
        var scale = (double)inputs / outputs;
        var stretch = Math.Max(scale, 1);
        var support = (mode == Interpolation.Bilinear ? 1 : 2) * stretch;
        var centre = scale * (output + 0.5);
        var (first, end) = (Math.Max((int)(centre - support + 0.5), 0), Math.Min((int)(centre + support + 0.5), inputs));
        var filter = new double[end - first];
        for (var k = 0; k < filter.Length; k++)
        {
            var distance = (k + first - centre + 0.5) / stretch;
            filter[k] = mode == Interpolation.Bilinear ? Math.Max(0, 1 - Math.Abs(distance)) : Cubic(distance, -0.5);
        }

        for (var k = 0; k < filter.Length; k++) weights.Add((first + k, output, filter[k] / filter.Sum()));
    }

    /// <summary>Keys' cubic convolution kernel.</summary>
    private static double Cubic(double x, double a)
    {
        x = Math.Abs(x);
        return x < 1 ? ((a + 2) * x * x * x) - ((a + 3) * x * x) + 1 : x < 2 ? (a * x * x * x) - (5 * a * x * x) + (8 * a * x) - (4 * a) : 0;
    }
}
