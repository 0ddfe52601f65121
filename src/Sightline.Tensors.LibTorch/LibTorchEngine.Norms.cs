using Sightline.Tensors.LibTorch.Native;

namespace Sightline.Tensors.LibTorch;

/// <content>Normalisation. Statistics are kept as (mean, 1 / deviation) pairs, the library has two tensors: copies join and split them.</content>
public sealed unsafe partial class LibTorchEngine
{
    /// <inheritdoc/>
    public override void LayerNorm(Tensor x, Tensor? w, Tensor? b, Tensor y, Tensor stats, float eps, bool centered)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        long C = x.Shape.Columns, rows = x.Count / C;
        var z = work.Wide(x, rows, C);
        if (centered)
        {
            var (result, mean, inverse) = work.Call3("aten::native_layer_norm"u8, ""u8, z, work.List(C), work.Some(WideOrNull(work, w)), work.Some(WideOrNull(work, b)), (double)eps);
            work.Write(y, result);
            WriteStats(work, stats, mean, inverse);
            return;
        }

        var root = 1 / ((z * z).Sum(1, keep: true) / C + eps).Sqrt(); // [rows, 1]
        z *= root;
        if (w is not null) z *= work.Wide(w);
        if (b is not null) z += work.Wide(b);
        work.Write(y, z);
        WriteStats(work, stats, work.Zeros(DType.Float32, rows), root);
    }

    /// <inheritdoc/>
    public override void LayerNormBackward(Tensor x, Tensor? w, Tensor stats, Tensor dy, Tensor? dx, Tensor? dw, Tensor? db, bool centered)
    {
        if (x.Count == 0)
        {
            ClearAll(dx, dw, db);
            return;
        }

        using var work = Work.On(this);
        long C = x.Shape.Columns, rows = x.Count / C;
        var (z, g) = (work.Wide(x, rows, C), work.Wide(dy, rows, C));
        var (mean, inverse) = ReadStats(work, stats, rows);
        if (centered)
        {
            // a gradient of the shift is only made beside a shift: any tensor of its shape will do
            Value? scale = WideOrNull(work, w), shift = db is null ? null : work.Empty(DType.Float32, C);
            var mask = work.List(dx is not null, dw is not null && w is not null, db is not null);
            var (forX, forW, forB) = work.Call3("aten::native_layer_norm_backward"u8, ""u8, g, z, work.List(C), mean, inverse, work.Some(scale), work.Some(shift), mask);
            if (dx is not null) work.Write(dx, forX);
            if (dw is not null) work.Write(dw, forW);
            if (db is not null) work.Write(db, forB);
            return;
        }

        z *= inverse;
        if (dw is not null) work.Write(dw, (g * z).Sum(0));
        if (db is not null) work.Write(db, g.Sum(0));
        if (dx is null) return;
        if (w is not null) g *= work.Wide(w);
        work.Write(dx, inverse * (g - (z * ((g * z).Sum(1, keep: true) / C))));
    }

    /// <inheritdoc/>
    public override void GroupNorm(Tensor x, Tensor? w, Tensor? b, Tensor y, Tensor stats, int groups, float eps, bool channelsLast)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        var (N, C, P, steps) = PlanesOf(x, channelsLast);
        var planes = PlanesIn(work, x, N, C, P, steps);
        var (result, mean, inverse) = work.Call3(
            "aten::native_group_norm"u8, ""u8, planes, work.Some(WideOrNull(work, w)), work.Some(WideOrNull(work, b)), N, C, P, groups, (double)eps);
        work.Write(y, result, [N, C, P, 1], steps);
        WriteStats(work, stats, mean, inverse);
    }

    /// <inheritdoc/>
    public override void GroupNormBackward(Tensor x, Tensor? w, Tensor stats, Tensor dy, Tensor? dx, Tensor? dw, Tensor? db, int groups, bool channelsLast)
    {
        if (x.Count == 0)
        {
            ClearAll(dx, dw, db);
            return;
        }

        using var work = Work.On(this);
        var (N, C, P, steps) = PlanesOf(x, channelsLast);
        var (z, g) = (PlanesIn(work, x, N, C, P, steps), PlanesIn(work, dy, N, C, P, steps));
        var (mean, inverse) = ReadStats(work, stats, N * groups);
        var (forX, forW, forB) = work.Call3(
            "aten::native_group_norm_backward"u8, ""u8, g, z, mean.View(N, groups), inverse.View(N, groups), work.Some(WideOrNull(work, w)), N, C, P, groups,
            work.List(dx is not null, dw is not null, db is not null));
        if (dx is not null) work.Write(dx, forX, [N, C, P, 1], steps);
        if (dw is not null) work.Write(dw, forW);
        if (db is not null) work.Write(db, forB);
    }

    /// <inheritdoc/>
    public override void L2Normalize(Tensor x, Tensor y, Tensor norms, float eps)
    {
        if (norms.Count == 0) return;
        using var work = Work.On(this);
        long rows = norms.Count, C = x.Count / rows;
        var z = work.Wide(x, rows, C);
        var norm = (z * z).Sum(1, keep: true).Sqrt(); // [rows, 1]
        var divisor = norm.Less(eps).Choose(-(double)eps, norm);
        work.Write(norms, divisor);
        work.Write(y, z / divisor.Abs());
    }

    /// <inheritdoc/>
    public override void L2NormalizeBackward(Tensor y, Tensor norms, Tensor dy, Tensor dx)
    {
        if (dx.Count == 0) return;
        using var work = Work.On(this);
        long rows = norms.Count, C = y.Count / rows;
        var (unit, g, divisor) = (work.Wide(y, rows, C), work.Wide(dy, rows, C), work.Of(norms, rows, 1));
        var along = divisor.Less(0).Choose(0, (unit * g).Sum(1, keep: true));
        work.Write(dx, (g - (unit * along)) / divisor.Abs());
    }

    private static Value? WideOrNull(Work work, Tensor? tensor) => tensor is null ? null : work.Wide(tensor);

    /// <summary>Samples, channels and positions of a tensor, and its steps as [N, C, positions, 1].</summary>
    private static (long N, long C, long P, long[] Steps) PlanesOf(Tensor x, bool channelsLast)
    {
        long N = x.Shape[0], C = channelsLast ? x.Shape[^1] : x.Shape[1], P = x.Count / (N * C);
        return (N, C, P, channelsLast ? [C * P, 1, C, C] : [C * P, P, 1, 1]);
    }

    private static Value PlanesIn(Work work, Tensor x, long N, long C, long P, long[] steps)
    {
        if (x.DType == DType.Float32) return work.Of(x, [N, C, P, 1], steps);
        return work.Of(x, x.Count).As(DType.Float32).View([N, C, P, 1], steps);
    }

    private static void WriteStats(Work work, Tensor stats, Value mean, Value inverse)
    {
        var sets = stats.Count / 2;
        work.CopyInto(work.Of(stats, [sets], [2]), mean.View(sets));
        work.CopyInto(work.Of(stats, [sets], [2], 1), inverse.View(sets));
    }

    /// <summary>Means and inverse deviations, [sets, 1] each.</summary>
    private static (Value Mean, Value Inverse) ReadStats(Work work, Tensor stats, long sets) =>
        (work.Of(stats, [sets, 1], [2, 2]).Dense(sets, 1), work.Of(stats, [sets, 1], [2, 2], 1).Dense(sets, 1));

    private void ClearAll(params ReadOnlySpan<Tensor?> tensors)
    {
        foreach (var tensor in tensors)
        {
            if (tensor is not null) Clear(tensor);
        }
    }
}
