using Sightline.Tensors.LibTorch.Native;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.LibTorch;

/// <content>Resizing, sampling at places, and positions as angles.</content>
public sealed unsafe partial class LibTorchEngine
{
    private const int Bilinear = 0; // the library's numbers of interpolation and padding
    private const int ZerosOutside = 0;

    /// <inheritdoc/>
    public override void Interpolate(Interpolation mode, Tensor x, Tensor y, bool alignCorners, bool antialias)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        var (input, size) = (work.Of(x), work.List(y.Shape[2], y.Shape[3]));
        work.Write(y, (mode, antialias) switch
        {
            (Interpolation.Nearest, _) => work.Call("aten::upsample_nearest2d"u8, ""u8, input, size, Argument.None, Argument.None),
            (Interpolation.Bilinear, false) => work.Call("aten::upsample_bilinear2d"u8, ""u8, input, size, alignCorners, Argument.None, Argument.None),
            (Interpolation.Bilinear, true) => work.Call("aten::_upsample_bilinear2d_aa"u8, ""u8, input, size, alignCorners, Argument.None, Argument.None),
            (_, false) => work.Call("aten::upsample_bicubic2d"u8, ""u8, input, size, alignCorners, Argument.None, Argument.None),
            _ => work.Call("aten::_upsample_bicubic2d_aa"u8, ""u8, input, size, alignCorners, Argument.None, Argument.None),
        });
    }

    /// <inheritdoc/>
    public override void InterpolateBackward(Interpolation mode, Tensor dy, Tensor dx, bool alignCorners, bool antialias)
    {
        if (dx.Count == 0) return;
        if (dy.Count == 0)
        {
            Clear(dx);
            return;
        }

        using var work = Work.On(this);
        var (g, size, from) = (work.Of(dy), work.List(dy.Shape[2], dy.Shape[3]), work.List(dx.Shape[0], dx.Shape[1], dx.Shape[2], dx.Shape[3]));
        work.Write(dx, (mode, antialias) switch
        {
            (Interpolation.Nearest, _) => work.Call("aten::upsample_nearest2d_backward"u8, ""u8, g, size, from, Argument.None, Argument.None),
            (Interpolation.Bilinear, false) => work.Call("aten::upsample_bilinear2d_backward"u8, ""u8, g, size, from, alignCorners, Argument.None, Argument.None),
            (Interpolation.Bilinear, true) => work.Call("aten::_upsample_bilinear2d_aa_backward"u8, ""u8, g, size, from, alignCorners, Argument.None, Argument.None),
            (_, false) => work.Call("aten::upsample_bicubic2d_backward"u8, ""u8, g, size, from, alignCorners, Argument.None, Argument.None),
            _ => work.Call("aten::_upsample_bicubic2d_aa_backward"u8, ""u8, g, size, from, alignCorners, Argument.None, Argument.None),
        });
    }

    /// <inheritdoc/>
    public override void GridSample(Tensor x, Tensor grid, Tensor y, bool alignCorners)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        work.Write(y, work.Call("aten::grid_sampler_2d"u8, ""u8, work.Of(x), work.Of(grid), Bilinear, ZerosOutside, alignCorners));
    }

    /// <inheritdoc/>
    public override void GridSampleBackward(Tensor x, Tensor grid, Tensor dy, Tensor? dx, Tensor? dGrid, bool alignCorners)
    {
        if (dy.Count == 0 || x.Count == 0)
        {
            ClearAll(dx, dGrid);
            return;
        }

        using var work = Work.On(this);
        var (forX, forGrid) = SampleBackward(work, work.Of(dy), work.Of(x), work.Of(grid), dx is not null, alignCorners);
        if (dx is not null) work.Write(dx, forX);
        if (dGrid is not null) work.Write(dGrid, forGrid);
    }

    /// <inheritdoc/>
    public override void DeformableAttention(Tensor value, ReadOnlySpan<(int Height, int Width)> levels, Tensor locations, Tensor weights, Tensor y)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        var sizes = new PlaceSizes(value, locations);
        Value? sum = null;
        for (int l = 0, start = 0; l < levels.Length; start += levels[l].Height * levels[l].Width, l++)
        {
            var sampled = work.Call("aten::grid_sampler_2d"u8, ""u8, Map(work, value, sizes, levels[l], start), Grid(work, locations, sizes, l), Bilinear, ZerosOutside, false);
            var part = (sampled * Weights(work, weights, sizes, l)).Sum(3); // [B H, D, Q]
            sum = sum is { } before ? before + part : part;
        }

        if (sum is not { } all) Clear(y);
        else work.CopyInto(work.Of(y, [sizes.B, sizes.H, sizes.D, sizes.Q], [sizes.Q * sizes.H * sizes.D, sizes.D, 1, sizes.H * sizes.D]), all.View(sizes.B, sizes.H, sizes.D, sizes.Q));
    }

    /// <inheritdoc/>
    public override void DeformableAttentionBackward(
        Tensor value, ReadOnlySpan<(int Height, int Width)> levels, Tensor locations, Tensor weights, Tensor dy, Tensor? dValue, Tensor? dLocations, Tensor? dWeights)
    {
        ClearAll(dValue, dLocations, dWeights);
        if (dy.Count == 0 || locations.Count == 0) return;
        using var work = Work.On(this);
        var s = new PlaceSizes(value, locations);
        var g = work.Of(dy, [s.B, s.H, s.D, s.Q], [s.Q * s.H * s.D, s.D, 1, s.H * s.D]).Dense(s.B * s.H, s.D, s.Q, 1);
        for (int l = 0, start = 0; l < levels.Length; start += levels[l].Height * levels[l].Width, l++)
        {
            var (height, width) = levels[l];
            var (map, grid) = (Map(work, value, s, levels[l], start), Grid(work, locations, s, l));
            var (forMap, forGrid) = SampleBackward(work, g * Weights(work, weights, s, l), map, grid, dValue is not null, alignCorners: false);
            if (dValue is not null) work.CopyInto(work.Of(dValue, [s.B, s.H, s.D, height * width], [s.S * s.H * s.D, s.D, 1, s.H * s.D], start * s.H * s.D), forMap.View(s.B, s.H, s.D, height * width));
            if (dLocations is not null) work.CopyInto(AtPlaces(work, dLocations, s, l, 2), (forGrid * 2).View(s.B, s.H, s.Q, s.P, 2));
            if (dWeights is null) continue;
            var sampled = work.Call("aten::grid_sampler_2d"u8, ""u8, map, grid, Bilinear, ZerosOutside, false);
            work.CopyInto(AtPlaces(work, dWeights, s, l, 1), (sampled * g).Sum(1).View(s.B, s.H, s.Q, s.P, 1));
        }
    }

    /// <inheritdoc/>
    public override void Rotate(Tensor x, Tensor cos, Tensor sin, Tensor y, bool headsFirst, bool inverse)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        long B = x.Shape[0], H = headsFirst ? x.Shape[1] : x.Shape[2], L = headsFirst ? x.Shape[2] : x.Shape[1], half = x.Shape[3] / 2;
        long[] sizes = [x.Shape[0], x.Shape[1], x.Shape[2], half];
        long[] steps = [H * L * 2 * half, (headsFirst ? L : H) * 2 * half, 2 * half, 1];
        var batch = cos.Shape[0] == 1 ? 0 : L * half;
        long[] tableSteps = headsFirst ? [batch, 0, half, 1] : [batch, half, 0, 1];
        var (c, s) = (work.Of(cos, sizes, tableSteps), work.Of(sin, sizes, tableSteps));
        var (left, right) = (work.Of(x, sizes, steps).As(DType.Float32), work.Of(x, sizes, steps, half).As(DType.Float32));
        var (across, along) = (left * s, right * s);
        // both are worked out before either is written: y may be x
        var (first, second) = inverse ? ((left * c) + along, (right * c) - across) : ((left * c) - along, (right * c) + across);
        work.CopyInto(work.Of(y, sizes, steps), first);
        work.CopyInto(work.Of(y, sizes, steps, half), second);
    }

    /// <inheritdoc/>
    public override void SinePositions(Tensor x, Tensor y, int features, float temperature, float scale, bool exchange)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        long K = x.Shape.Columns, rows = x.Count / K, half = features / 2;
        var angles = Angles(work, x, features, temperature, scale, out _); // [rows, K, half]
        var (sines, cosines) = (angles.Sin(), angles.Cos());
        for (var k = 0; k < K; k++)
        {
            var place = Exchanged(k, K, exchange);
            work.CopyInto(work.Of(y, [rows, half], [K * features, 2], place * features), sines.View([rows, half], [K * half, 1], k * half));
            work.CopyInto(work.Of(y, [rows, half], [K * features, 2], (place * features) + 1), cosines.View([rows, half], [K * half, 1], k * half));
        }
    }

    /// <inheritdoc/>
    public override void SinePositionsBackward(Tensor x, Tensor dy, Tensor dx, int features, float temperature, float scale, bool exchange)
    {
        if (dx.Count == 0) return;
        using var work = Work.On(this);
        long K = x.Shape.Columns, rows = x.Count / K, half = features / 2;
        var angles = Angles(work, x, features, temperature, scale, out var frequencies);
        var (sines, cosines) = (angles.Sin(), angles.Cos());
        for (var k = 0; k < K; k++)
        {
            var place = Exchanged(k, K, exchange);
            var (bySine, byCosine) = (work.Of(dy, [rows, half], [K * features, 2], place * features), work.Of(dy, [rows, half], [K * features, 2], (place * features) + 1));
            var sum = frequencies * ((bySine * cosines.View([rows, half], [K * half, 1], k * half)) - (byCosine * sines.View([rows, half], [K * half, 1], k * half)));
            work.CopyInto(work.Of(dx, [rows], [K], k), sum.Sum(1));
        }
    }

    private static long Exchanged(long coordinate, long K, bool exchange) => exchange && K >= 2 && coordinate < 2 ? 1 - coordinate : coordinate;

    /// <summary>x times the frequency of each pair of features, in float64: [rows, K, features / 2].</summary>
    private static Value Angles(Work work, Tensor x, int features, float temperature, float scale, out Value frequencies)
    {
        var half = features / 2;
        var table = new double[half];
        for (var i = 0; i < half; i++) table[i] = scale / Math.Pow(temperature, 2.0 * i / features);
        frequencies = work.From64(table);
        long K = x.Shape.Columns, rows = x.Count / K;
        return work.Of(x, rows, K, 1).AsFloat64() * frequencies;
    }

    private static (Value ForX, Value ForGrid) SampleBackward(Work work, Value dy, Value x, Value grid, bool wantsX, bool alignCorners) =>
        work.Call2("aten::grid_sampler_2d_backward"u8, ""u8, dy, x, grid, Bilinear, ZerosOutside, alignCorners, work.List(wantsX, true));

    /// <summary>B samples, S places of all levels, H heads, D channels, Q queries, L levels, P points.</summary>
    private readonly struct PlaceSizes(Tensor value, Tensor locations)
    {
        public long B { get; } = value.Shape[0];

        public long S { get; } = value.Shape[1];

        public long H { get; } = value.Shape[2];

        public long D { get; } = value.Shape[3];

        public long Q { get; } = locations.Shape[1];

        public long L { get; } = locations.Shape[3];

        public long P { get; } = locations.Shape[4];
    }

    /// <summary>One level of the values as pictures [B H, D, height, width].</summary>
    private static Value Map(Work work, Tensor value, in PlaceSizes s, (int Height, int Width) level, long start) =>
        work.Of(value, [s.B, s.H, s.D, level.Height * level.Width], [s.S * s.H * s.D, s.D, 1, s.H * s.D], start * s.H * s.D).Dense(s.B, s.H, s.D, level.Height * level.Width)
            .View(s.B * s.H, s.D, level.Height, level.Width);

    /// <summary>One level's places in a tensor [B, Q, H, L, P, parts], as [B, H, Q, P, parts].</summary>
    private static Value AtPlaces(Work work, Tensor x, in PlaceSizes s, long level, long parts)
    {
        var (point, query) = (s.L * s.P * parts, s.H * s.L * s.P * parts);
        return work.Of(x, [s.B, s.H, s.Q, s.P, parts], [s.Q * query, point, query, parts, 1], level * s.P * parts);
    }

    /// <summary>One level's places as a grid of -1..1, [B H, Q, P, 2].</summary>
    private static Value Grid(Work work, Tensor locations, in PlaceSizes s, long level) =>
        ((AtPlaces(work, locations, s, level, 2).Dense(s.B, s.H, s.Q, s.P, 2) * 2) - 1).View(s.B * s.H, s.Q, s.P, 2);

    /// <summary>One level's weights, [B H, 1, Q, P].</summary>
    private static Value Weights(Work work, Tensor weights, in PlaceSizes s, long level) => AtPlaces(work, weights, s, level, 1).Dense(s.B, s.H, s.Q, s.P, 1).View(s.B * s.H, 1, s.Q, s.P);
}
