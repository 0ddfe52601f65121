namespace Sightline.Tensors.Tests.Reference;

internal sealed partial class ReferenceEngine
{
    public override void Softmax(Tensor x, Tensor? mask, Tensor y, bool log)
    {
        var (values, C) = (Read(x), x.Shape.Columns);
        if (mask is not null)
        {
            var (keep, at) = (Read(mask), Positions(x.Shape, mask.Shape));
            for (var i = 0; i < values.Length; i++) values[i] = keep[at[i]] != 0 ? values[i] : double.NegativeInfinity;
        }

        for (var row = 0; row < values.Length; row += C)
        {
            var (max, lse) = LogSumExp(values.AsSpan(row, C));
            for (var i = row; i < row + C; i++)
            {
                var z = max == double.NegativeInfinity ? max : values[i] - max - lse;
                values[i] = log ? z : Math.Exp(z);
            }
        }

        Write(y, values);
    }

    public override void SoftmaxBackward(Tensor y, Tensor dy, Tensor dx, bool log)
    {
        var (p, g, C) = (Read(y), Read(dy), y.Shape.Columns);
        for (var row = 0; row < g.Length; row += C)
        {
            double sum = 0;
            for (var i = row; i < row + C; i++) sum += log ? g[i] : g[i] * p[i];
            for (var i = row; i < row + C; i++) g[i] = log ? g[i] - (Math.Exp(p[i]) * sum) : p[i] * (g[i] - sum);
        }

        Write(dx, g);
    }

    public override void CrossEntropy(Tensor x, Tensor targets, Tensor? classWeight, Tensor loss, Tensor lse, Tensor rowWeight, long ignore, float smoothing)
    {
        var (logits, N, C) = (Read(x), x.Shape[0], x.Shape[1]);
        var weight = classWeight is null ? null : Read(classWeight);
        var (losses, sums, weights) = (new double[N], new double[N], new double[N]);
        for (var n = 0; n < N; n++)
        {
            var target = Ids(targets)[n];
            if (target == ignore) continue;
            if (target < 0 || target >= C) throw new ShapeException($"CrossEntropy: target {target} at row {n}, but there are {C} classes");
            var (max, log) = LogSumExp(logits.AsSpan(n * C, C));
            sums[n] = max + log;
            weights[n] = weight?[target] ?? 1;
            losses[n] = (1 - smoothing) * weights[n] * (sums[n] - logits[(n * C) + target]);
            for (var c = 0; c < C && smoothing > 0; c++) losses[n] += smoothing / C * (weight?[c] ?? 1) * (sums[n] - logits[(n * C) + c]);
        }

        Write(loss, losses);
        Write(lse, sums);
        Write(rowWeight, weights);
    }

    public override void CrossEntropyBackward(Tensor x, Tensor targets, Tensor? classWeight, Tensor lse, Tensor scale, Tensor dx, long ignore, float smoothing)
    {
        var (logits, sums, g, N, C) = (Read(x), Read(lse), Read(scale), x.Shape[0], x.Shape[1]);
        var weight = classWeight is null ? null : Read(classWeight);
        for (var n = 0; n < N; n++)
        {
            var target = Ids(targets)[n];
            var own = target == ignore ? 0 : weight?[target] ?? 1;
            var spread = (double)smoothing / C;
            double mass = (1 - smoothing) * own;
            for (var c = 0; c < C; c++) mass += spread * (weight?[c] ?? 1);
            for (var c = 0; c < C; c++)
            {
                var d = (mass * Math.Exp(logits[(n * C) + c] - sums[n])) - (spread * (weight?[c] ?? 1)) - (c == target ? (1 - smoothing) * own : 0);
                logits[(n * C) + c] = target == ignore ? 0 : g[g.Length == 1 ? 0 : n] * d;
            }
        }

        Write(dx, logits);
    }

    public override void SoftmaxEntropy(Tensor x, Tensor temperature, Tensor y)
    {
        var (scores, heat, N, C) = (Read(x), Read(temperature), x.Shape[0], x.Shape[1]);
        var entropies = new double[N];
        for (var n = 0; n < N; n++)
        {
            var row = scores.AsSpan(n * C, C);
            var most = double.NegativeInfinity;
            foreach (var score in row) most = Math.Max(most, score);
            for (var c = 0; c < C; c++) row[c] = (row[c] - most) * Math.Min(1 / heat[n], float.MaxValue);
            var (max, log) = LogSumExp(row);
            foreach (var z in row)
            {
                var p = Math.Exp(z - max - log);
                if (p != 0) entropies[n] -= p * (z - max - log);
            }
        }

        Write(y, entropies);
    }

    public override void LayerNorm(Tensor x, Tensor? w, Tensor? b, Tensor y, Tensor stats, float eps, bool centered)
    {
        var C = x.Shape.Columns;
        Normalize(x, w, b, y, stats, eps, centered, new NormAxes(x.Shape.Rows, i => i / Math.Max(C, 1), i => i % C));
    }

    public override void LayerNormBackward(Tensor x, Tensor? w, Tensor stats, Tensor dy, Tensor? dx, Tensor? dw, Tensor? db, bool centered)
    {
        var C = x.Shape.Columns;
        NormalizeBackward(x, w, stats, dy, dx, dw, db, centered, C, new NormAxes(x.Shape.Rows, i => i / Math.Max(C, 1), i => i % C));
    }

    public override void GroupNorm(Tensor x, Tensor? w, Tensor? b, Tensor y, Tensor stats, int groups, float eps, bool channelsLast) =>
        Normalize(x, w, b, y, stats, eps, true, GroupAxes(x, groups, channelsLast, out _));

    public override void GroupNormBackward(Tensor x, Tensor? w, Tensor stats, Tensor dy, Tensor? dx, Tensor? dw, Tensor? db, int groups, bool channelsLast)
    {
        var axes = GroupAxes(x, groups, channelsLast, out var channels);
        NormalizeBackward(x, w, stats, dy, dx, dw, db, true, channels, axes);
    }

    public override void L2Normalize(Tensor x, Tensor y, Tensor norms, float eps)
    {
        var (values, C, divisors) = (Read(x), x.Shape.Columns, new double[norms.Count]);
        for (var row = 0; row < divisors.Length; row++)
        {
            double square = 0;
            for (var i = 0; i < C; i++) square += values[(row * C) + i] * values[(row * C) + i];
            var norm = Math.Sqrt(square);
            divisors[row] = norm < eps ? -eps : norm;
            for (var i = 0; i < C; i++) values[(row * C) + i] /= Math.Abs(divisors[row]);
        }

        Write(y, values);
        Write(norms, divisors);
    }

    public override void L2NormalizeBackward(Tensor y, Tensor norms, Tensor dy, Tensor dx)
    {
        var (unit, g, divisors, C) = (Read(y), Read(dy), Read(norms), y.Shape.Columns);
        for (var row = 0; row < divisors.Length; row++)
        {
            double dot = 0;
            for (var i = row * C; i < (row + 1) * C && divisors[row] >= 0; i++) dot += unit[i] * g[i];
            for (var i = row * C; i < (row + 1) * C; i++) g[i] = (g[i] - (unit[i] * dot)) / Math.Abs(divisors[row]);
        }

        Write(dx, g);
    }

    private static (double Max, double Log) LogSumExp(ReadOnlySpan<double> row)
    {
        double max = double.NegativeInfinity, sum = 0;
        foreach (var value in row) max = Math.Max(max, value);
        foreach (var value in row) sum += Math.Exp(value - max);
        return (max, Math.Log(sum));
    }

    /// <summary>Which elements are normalised together (one of <paramref name="Sets"/>), and which weight each has.</summary>
    private readonly record struct NormAxes(int Sets, Func<int, int> SetOf, Func<int, int> ChannelOf);

    private static NormAxes GroupAxes(Tensor x, int groups, bool channelsLast, out int channels)
    {
        var C = channels = channelsLast ? x.Shape[^1] : x.Shape[1];
        var N = x.Shape[0];
        var sample = (int)(x.Count / Math.Max(N, 1)); // C · positions
        var plane = sample / Math.Max(C, 1);
        Func<int, int> channelOf = channelsLast ? i => i % C : i => i / plane % C;
        return new NormAxes(N * groups, i => (i / sample * groups) + (channelOf(i) / (C / groups)), channelOf);
    }

    private void Normalize(Tensor x, Tensor? w, Tensor? b, Tensor y, Tensor stats, float eps, bool centered, NormAxes axes)
    {
        var values = Read(x);
        var (scale, shift) = (w is null ? null : Read(w), b is null ? null : Read(b));
        var (mean, square, factor) = (new double[axes.Sets], new double[axes.Sets], new double[2 * axes.Sets]);
        var size = (double)values.Length / axes.Sets;
        for (var i = 0; i < values.Length && centered; i++) mean[axes.SetOf(i)] += values[i] / size;
        for (var i = 0; i < values.Length; i++) square[axes.SetOf(i)] += Math.Pow(values[i] - mean[axes.SetOf(i)], 2) / size;
        for (var set = 0; set < axes.Sets; set++) (factor[2 * set], factor[(2 * set) + 1]) = (mean[set], 1 / Math.Sqrt(square[set] + eps));
        for (var i = 0; i < values.Length; i++)
        {
            var (set, channel) = (axes.SetOf(i), axes.ChannelOf(i));
            values[i] = ((values[i] - mean[set]) * factor[(2 * set) + 1] * (scale?[channel] ?? 1)) + (shift?[channel] ?? 0);
        }

        Write(y, values);
        Write(stats, factor);
    }

    /// <summary>With z the normalised x: dw = Σ dy z, db = Σ dy, dx = r (dy w - mean(dy w) - z mean(dy w z)), the first mean only where centered.</summary>
    private void NormalizeBackward(Tensor x, Tensor? w, Tensor stats, Tensor dy, Tensor? dx, Tensor? dw, Tensor? db, bool centered, int channels, NormAxes axes)
    {
        var (z, g, factor) = (Read(x), Read(dy), Read(stats));
        var scale = w is null ? null : Read(w);
        var (forW, forB) = (new double[channels], new double[channels]);
        var (meanG, meanGz) = (new double[axes.Sets], new double[axes.Sets]);
        var size = (double)z.Length / axes.Sets;
        for (var i = 0; i < z.Length; i++)
        {
            var (set, channel) = (axes.SetOf(i), axes.ChannelOf(i));
            z[i] = (z[i] - factor[2 * set]) * factor[(2 * set) + 1];
            forW[channel] += g[i] * z[i];
            forB[channel] += g[i];
            g[i] *= scale?[channel] ?? 1;
            meanG[set] += centered ? g[i] / size : 0;
            meanGz[set] += g[i] * z[i] / size;
        }

        for (var i = 0; i < z.Length; i++)
        {
            var set = axes.SetOf(i);
            g[i] = factor[(2 * set) + 1] * (g[i] - meanG[set] - (z[i] * meanGz[set]));
        }

        WriteIf(dx, g);
        WriteIf(dw, forW);
        WriteIf(db, forB);
    }
}
