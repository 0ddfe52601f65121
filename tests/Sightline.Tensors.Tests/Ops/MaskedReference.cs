using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>Attention and its gradients from the textbook, in double, with the layout written out as a mask.</summary>
internal sealed class MaskedReference
{
    public MaskedReference(Tensor q, Tensor k, Tensor v, Tensor r, AttentionLayout layout, double scale)
    {
        var (T, H, D) = (q.Shape[0], q.Shape[1], q.Shape[2]);
        var (S, Hkv, E) = (k.Shape[0], k.Shape[1], v.Shape[2]);
        var (Q, K, V, R) = (q.ToArray<float>(), k.ToArray<float>(), v.ToArray<float>(), r.ToArray<float>());
        var visible = Mask(layout, T, S);
        (Output, Dq, Dk, Dv) = (new double[T * H * E], new double[Q.Length], new double[K.Length], new double[V.Length]);
        var (p, dp) = (new double[S], new double[S]);
        for (var t = 0; t < T; t++)
        {
            for (var h = 0; h < H; h++)
            {
                var g = h / (H / Hkv);
                var (qi, ri) = (((t * H) + h) * D, ((t * H) + h) * E);
                double largest = double.NegativeInfinity, sum = 0, mean = 0;
                for (var s = 0; s < S; s++)
                {
                    if (!visible[t, s]) continue;
                    p[s] = 0;
                    for (var d = 0; d < D; d++) p[s] += scale * Q[qi + d] * K[(((s * Hkv) + g) * D) + d];
                    largest = Math.Max(largest, p[s]);
                }

                for (var s = 0; s < S; s++) sum += p[s] = visible[t, s] ? Math.Exp(p[s] - largest) : 0;
                if (sum == 0) continue;
                for (var s = 0; s < S; s++)
                {
                    (p[s], dp[s]) = (p[s] / sum, 0);
                    var vi = ((s * Hkv) + g) * E;
                    for (var e = 0; e < E; e++)
                    {
                        Output[ri + e] += p[s] * V[vi + e];
                        Dv[vi + e] += p[s] * R[ri + e];
                        dp[s] += (double)R[ri + e] * V[vi + e];
                    }

                    mean += p[s] * dp[s];
                }

                for (var s = 0; s < S; s++)
                {
                    var ds = p[s] * (dp[s] - mean) * scale;
                    var ki = ((s * Hkv) + g) * D;
                    for (var d = 0; d < D; d++)
                    {
                        Dq[qi + d] += ds * K[ki + d];
                        Dk[ki + d] += ds * Q[qi + d];
                    }
                }
            }
        }
    }

    public double[] Output { get; }

    public double[] Dq { get; }

    public double[] Dk { get; }

    public double[] Dv { get; }

    private static bool[,] Mask(AttentionLayout layout, int T, int S)
    {
        var visible = new bool[T, S];
        foreach (var span in layout.Spans)
        {
            for (var i = 0; i < span.QueryLength; i++)
            {
                for (var j = 0; j < span.KeyLength; j++)
                    visible[span.QueryStart + i, span.KeyStart + j] |= !span.Causal || j <= span.KeyLength - span.QueryLength + i;
            }
        }

        return visible;
    }
}
