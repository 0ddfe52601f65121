using Sightline.Tensors.Cpu.Kernels;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void GroupNorm(Tensor x, Tensor? w, Tensor? b, Tensor y, Tensor stats, int groups, float eps, bool channelsLast)
    {
        if (x.Count == 0) return;
        var layout = new ChannelLayout(x.Shape, channelsLast);
        var (n, c) = (layout.N, layout.C);
        var perGroup = c / groups;
        double count = (double)layout.Positions * perGroup;
        var s = stats.F32; // [N, groups, 2]
        // per sample and channel: 0 mean, 1 scale r w, 2 bias; then partial sums
        var terms = Scratch.Rent(SharedSlot, (3L * n * c) + layout.Partials);
        var partial = terms + (3L * n * c);
        var view = new FloatView(x);
        var pieces = new ChannelPieces(ChannelWork.Sum, layout, view, default, default, terms, partial);
        Parallel(ref pieces, layout.Pieces);
        for (var g = 0; g < n * groups; g++)
        {
            s[2 * g] = (float)(GroupSum(partial, null, layout, g / groups, g % groups * perGroup, perGroup) / count);
            for (var i = 0; i < perGroup; i++) terms[(g * perGroup) + i] = s[2 * g];
        }

        pieces = new ChannelPieces(ChannelWork.Squares, layout, view, default, default, terms, partial);
        Parallel(ref pieces, layout.Pieces);
        var weight = Widened(w, 3);
        var bias = Widened(b, 4);
        for (var g = 0; g < n * groups; g++)
        {
            var variance = GroupSum(partial, null, layout, g / groups, g % groups * perGroup, perGroup) / count;
            s[(2 * g) + 1] = (float)(1 / Math.Sqrt(variance + eps));
            for (var i = 0; i < perGroup; i++)
            {
                var channel = (g % groups * perGroup) + i;
                terms[((long)n * c) + (g * perGroup) + i] = s[(2 * g) + 1] * (weight == null ? 1f : weight[channel]);
                terms[(2L * n * c) + (g * perGroup) + i] = bias == null ? 0f : bias[channel];
            }
        }

        pieces = new ChannelPieces(ChannelWork.Normalise, layout, view, default, new FloatView(y), terms, partial);
        Parallel(ref pieces, layout.Pieces);
    }

    /// <inheritdoc/>
    public override unsafe void GroupNormBackward(Tensor x, Tensor? w, Tensor stats, Tensor dy, Tensor? dx, Tensor? dw, Tensor? db, int groups, bool channelsLast)
    {
        if (x.Count == 0)
        {
            if (dw is not null) Clear(dw);
            if (db is not null) Clear(db);
            return;
        }

        var layout = new ChannelLayout(x.Shape, channelsLast);
        var (n, c) = (layout.N, layout.C);
        var perGroup = c / groups;
        double count = (double)layout.Positions * perGroup;
        var s = stats.F32;
        // per sample and channel: 0 mean, then dx = dy a + (x - mean) b + d with 1 a, 2 b, 3 d; then the sums of dy and of dy (x - mean)
        var terms = Scratch.Rent(SharedSlot, (4L * n * c) + (2 * layout.Partials));
        var sums = terms + (4L * n * c);
        var products = sums + layout.Partials;
        for (var g = 0; g < n * groups; g++)
        {
            for (var i = 0; i < perGroup; i++) terms[(g * perGroup) + i] = s[2 * g];
        }

        var pieces = new ChannelPieces(ChannelWork.Products, layout, new FloatView(x), new FloatView(dy), default, terms, sums);
        Parallel(ref pieces, layout.Pieces);
        var weight = Widened(w, 3);
        if (dx is not null)
        {
            for (var g = 0; g < n * groups; g++)
            {
                var first = g % groups * perGroup;
                var r = s[(2 * g) + 1];
                var meanH = GroupSum(sums, weight, layout, g / groups, first, perGroup) / count;
                var meanHn = GroupSum(products, weight, layout, g / groups, first, perGroup) * r / count;
                for (var i = 0; i < perGroup; i++)
                {
                    var at = (g * perGroup) + i;
                    terms[((long)n * c) + at] = r * (weight == null ? 1f : weight[first + i]);
                    terms[(2L * n * c) + at] = (float)(-r * (double)r * meanHn);
                    terms[(3L * n * c) + at] = (float)(-r * meanH);
                }
            }

            pieces = new ChannelPieces(ChannelWork.Gradient, layout, new FloatView(x), new FloatView(dy), new FloatView(dx), terms, sums);
            Parallel(ref pieces, layout.Pieces);
        }

        if (db is not null) ChannelTotals(sums, null, db, layout, groups);
        if (dw is not null) ChannelTotals(products, s, dw, layout, groups);
    }

    /// <summary>Σ over some channels of a sample of (weight ·) partial sums, in double, in order.</summary>
    private static unsafe double GroupSum(float* partial, float* weight, ChannelLayout layout, int sample, int first, int count)
    {
        double sum = 0;
        for (var channel = first; channel < first + count; channel++)
        {
            double own = 0;
            for (var block = 0; block < layout.Blocks; block++) own += partial[((((long)sample * layout.Blocks) + block) * layout.C) + channel];
            sum += weight == null ? own : own * weight[channel];
        }

        return sum;
    }

    /// <summary>target[c] = Σ over samples of (r ·) partial sums, in double, in order.</summary>
    private static unsafe void ChannelTotals(float* partial, float* stats, Tensor target, ChannelLayout layout, int groups)
    {
        var view = new FloatView(target);
        var total = view.Target(0, Scratch.Rent(0, layout.C));
        for (var channel = 0; channel < layout.C; channel++)
        {
            double sum = 0;
            for (var sample = 0; sample < layout.N; sample++)
            {
                var group = (sample * groups) + (channel / (layout.C / groups));
                sum += GroupSum(partial, null, layout, sample, channel, 1) * (stats == null ? 1f : stats[(2 * group) + 1]);
            }

            total[channel] = (float)sum;
        }

        view.Commit(0, layout.C, total);
    }
}
