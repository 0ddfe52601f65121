using Sightline.Tensors.Ops;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Tests.Reference;

internal sealed partial class ReferenceEngine
{
    public override void MatMul(Tensor a, bool transposeA, Tensor b, bool transposeB, Tensor? bias, Tensor c, float beta)
    {
        if (c.Count == 0) return;
        var (M, N, K) = (c.Shape[^2], c.Shape[^1], transposeA ? a.Shape[^2] : a.Shape[^1]);
        var (left, right, sums) = (Read(a), Read(b), new double[c.Count]);
        var row = bias is null ? null : Read(bias);
        for (var i = 0; i < sums.Length; i++)
        {
            var (entry, m, n) = (i / (M * N), i / N % M, i % N);
            var atA = a.Shape.Rank == 2 ? 0 : entry * M * K;
            var atB = b.Shape.Rank == 2 ? 0 : entry * K * N;
            sums[i] = row?[n] ?? 0;
            for (var k = 0; k < K; k++)
                sums[i] += left[atA + (transposeA ? (k * M) + m : (m * K) + k)] * right[atB + (transposeB ? (n * K) + k : (k * N) + n)];
        }

        AddTo(c, sums, beta);
    }

    public override void BiasGradient(Tensor x, Tensor y, float beta)
    {
        var (values, sums) = (Read(x), new double[y.Count]);
        for (var i = 0; i < values.Length; i++) sums[i % sums.Length] += values[i];
        AddTo(y, sums, beta);
    }

    public override void Conv2d(Tensor x, Tensor w, Tensor? b, ConvGeometry geometry, Tensor y)
    {
        var (values, weights, sums) = (Read(x), Read(w), new double[y.Count]);
        var start = b is null ? null : Read(b);
        for (var i = 0; i < sums.Length; i++) sums[i] = start?[i % geometry.O] ?? 0;
        ForEachTap(geometry, (atX, atW, atY) => sums[atY] += values[atX] * weights[atW]);
        Write(y, sums);
    }

    public override void Conv2dInputGradient(Tensor dy, Tensor w, ConvGeometry geometry, Tensor dx)
    {
        var (g, weights, sums) = (Read(dy), Read(w), new double[dx.Count]);
        ForEachTap(geometry, (atX, atW, atY) => sums[atX] += g[atY] * weights[atW]);
        Write(dx, sums);
    }

    public override void Conv2dWeightGradient(Tensor x, Tensor dy, ConvGeometry geometry, Tensor dw)
    {
        var (values, g, sums) = (Read(x), Read(dy), new double[dw.Count]);
        ForEachTap(geometry, (atX, atW, atY) => sums[atW] += values[atX] * g[atY]);
        Write(dw, sums);
    }

    public override void Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor output, Tensor logSumExp)
    {
        var (Q, K, V, y, lse) = (Read(q), Read(k), Read(v), new double[output.Count], new double[logSumExp.Count]);
        var (T, H, D, Hkv, E) = (q.Shape[0], q.Shape[1], q.Shape[2], k.Shape[1], v.Shape[2]);
        Array.Fill(lse, double.PositiveInfinity);
        foreach (var (t, keys) in Visible(layout))
        {
            for (var h = 0; h < H; h++)
            {
                var g = h / (H / Hkv);
                var scores = keys.Select(s => scale * Dot(Q, ((t * H) + h) * D, K, ((s * Hkv) + g) * D, D)).ToArray();
                var (max, log) = LogSumExp(scores);
                lse[(h * T) + t] = (max + log) / Math.Log(2);
                for (var j = 0; j < keys.Length; j++)
                {
                    var p = Math.Exp(scores[j] - max - log);
                    for (var e = 0; e < E; e++) y[(((t * H) + h) * E) + e] += p * V[(((keys[j] * Hkv) + g) * E) + e];
                }
            }
        }

        Write(output, y);
        Write(logSumExp, lse);
    }

    public override void AttentionBackward(
        Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor output, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv)
    {
        var (Q, K, V, Y, R, lse) = (Read(q), Read(k), Read(v), Read(output), Read(gradient), Read(logSumExp));
        var (forQ, forK, forV) = (new double[Q.Length], new double[K.Length], new double[V.Length]);
        var (T, H, D, Hkv, E) = (q.Shape[0], q.Shape[1], q.Shape[2], k.Shape[1], v.Shape[2]);
        foreach (var (t, keys) in Visible(layout))
        {
            for (var h = 0; h < H; h++)
            {
                var (atQ, atY) = (((t * H) + h) * D, ((t * H) + h) * E);
                var mean = Dot(R, atY, Y, atY, E);
                foreach (var s in keys)
                {
                    var (atK, atV) = (((s * Hkv) + (h / (H / Hkv))) * D, ((s * Hkv) + (h / (H / Hkv))) * E);
                    var p = Math.Pow(2, (scale * Dot(Q, atQ, K, atK, D) / Math.Log(2)) - lse[(h * T) + t]);
                    var slope = scale * p * (Dot(R, atY, V, atV, E) - mean);
                    for (var e = 0; e < E; e++) forV[atV + e] += p * R[atY + e];
                    for (var d = 0; d < D; d++)
                    {
                        forQ[atQ + d] += slope * K[atK + d];
                        forK[atK + d] += slope * Q[atQ + d];
                    }
                }
            }
        }

        Write(dq, forQ);
        Write(dk, forK);
        Write(dv, forV);
    }

    public override void QuantizedLinear(Tensor x, QuantizedWeight weight, Tensor? bias, Tensor y)
    {
        var (rows, w) = (Read(x), weight.FormOf(this, static source => new Matrix(source)).Values);
        var (K, N, G) = (weight.InputSize, weight.OutputSize, weight.ActivationGroup);
        for (var start = 0; start < rows.Length; start += K)
        {
            for (var group = start; group < start + K; group += G) QuantizeGroup(rows.AsSpan(group, Math.Min(G, start + K - group)));
        }

        var (sums, shift) = (new double[y.Count], bias is null ? null : Read(bias));
        for (var i = 0; i < sums.Length; i++) sums[i] = Dot(rows, i / N * K, w, i % N * K, K) + (shift?[i % N] ?? 0);
        Write(y, sums);
    }

    public override void QuantizedLinearBackward(Tensor dy, QuantizedWeight weight, Tensor dx, float beta)
    {
        var (g, w, sums) = (Read(dy), weight.FormOf(this, static source => new Matrix(source)).Values, new double[dx.Count]);
        var (K, N) = (weight.InputSize, weight.OutputSize);
        for (var i = 0; i < sums.Length; i++)
        {
            for (var n = 0; n < N; n++) sums[i] += g[(i / K * N) + n] * w[(n * K) + (i % K)];
        }

        AddTo(dx, sums, beta);
    }

    /// <summary>What an activation group becomes: whole numbers of -127 to 127 times max / 127, in float32; NaN where something is not finite.</summary>
    private static void QuantizeGroup(Span<double> group)
    {
        float largest = 0;
        foreach (var value in group) largest = MathF.Max(largest, MathF.Abs((float)value));
        var inverse = 127 / largest;
        foreach (ref var value in group)
        {
            if (!float.IsFinite(largest)) value = double.NaN;
            else if (!float.IsFinite(inverse)) value = 0;
            else value = MathF.Round((float)value * inverse) * (double)(largest / 127);
        }
    }

    private static double Dot(double[] a, int atA, double[] b, int atB, int count)
    {
        double sum = 0;
        for (var i = 0; i < count; i++) sum += a[atA + i] * b[atB + i];
        return sum;
    }

    /// <summary>Every query that sees something, with the keys that it sees.</summary>
    private static IEnumerable<(int Query, int[] Keys)> Visible(AttentionLayout layout) =>
        from span in layout.Spans
        from i in Enumerable.Range(0, span.QueryLength)
        let seen = span.Causal ? Math.Clamp(span.KeyLength - span.QueryLength + i + 1, 0, span.KeyLength) : span.KeyLength
        from key in Enumerable.Range(span.KeyStart, seen)
        group key by span.QueryStart + i into keys
        select (keys.Key, keys.ToArray());

    /// <summary>Every product of a convolution, as positions in x, w and y.</summary>
    private static void ForEachTap(ConvGeometry g, Action<int, int, int> visit)
    {
        for (var i = 0; i < g.N * g.OutH * g.OutW * g.O; i++)
        {
            var (o, ox, oy, n) = (i % g.O, i / g.O % g.OutW, i / g.O / g.OutW % g.OutH, i / g.O / g.OutW / g.OutH);
            for (var tap = 0; tap < g.GroupC * g.KernelH * g.KernelW; tap++)
            {
                var (c, ky, kx) = (tap / (g.KernelH * g.KernelW), tap / g.KernelW % g.KernelH, tap % g.KernelW);
                var (iy, ix) = ((oy * g.Stride) - g.Padding + (ky * g.Dilation), (ox * g.Stride) - g.Padding + (kx * g.Dilation));
                if (iy < 0 || iy >= g.H || ix < 0 || ix >= g.W) continue;
                visit((((((n * g.H) + iy) * g.W) + ix) * g.C) + (o / g.GroupO * g.GroupC) + c, (o * g.GroupC * g.KernelH * g.KernelW) + tap, i);
            }
        }
    }

    /// <summary>A quantized weight as this engine wants it: numbers times scales.</summary>
    private sealed class Matrix : IDisposable
    {
        public Matrix(QuantizedWeight weight)
        {
            using var values = weight.Dequantize();
            Values = Array.ConvertAll(values.ToArray<float>(), value => (double)value);
        }

        public double[] Values { get; }

        public void Dispose()
        {
        }
    }
}
