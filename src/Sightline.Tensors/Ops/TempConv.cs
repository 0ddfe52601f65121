using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Cpu.Threading;
namespace Sightline.Tensors.Ops;
public enum ImageLayout { ChannelsFirst, ChannelsLast }
public static partial class Op
{
    public static Tensor Conv2d(Tensor x, Tensor w, Tensor? b = null, int stride = 1, int padding = 0, int dilation = 1, int groups = 1, ImageLayout layout = ImageLayout.ChannelsFirst)
    {
        _ = dilation; _ = layout;
        var (B, H, W, C) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
        var K = w.Shape[2]; var ho = ((H + (2 * padding) - K) / stride) + 1; var wo = ((W + (2 * padding) - K) / stride) + 1;
        if (groups == 1)
        {
            var u = Tensor.Empty([B * ho * wo, K * K * C]);
            Unfold(x, u, K, stride, padding, ho, wo, false);
            if (Tape.Wants(x)) Tape.Add(new UnfoldNode(x, K, stride, padding, ho, wo), u);
            var wt = Reshape(Transpose(w, 0, 2, 3, 1), w.Shape[0], K * K * C);
            return Reshape(Linear(u, wt, b), B, ho, wo, w.Shape[0]);
        }
        var y = Tensor.Empty([B, ho, wo, C]);
        Dw(x, w, b, y, K, padding);
        if (Tape.Wants(x, w, b)) Tape.Add(new DwNode(x, w, b, K, padding), y);
        return y;
    }
    private sealed class UnfoldNode(Tensor x, int k, int s, int p, int ho, int wo) : TapeNode
    {
        internal override void Backward() { var g = Tensor.Zeros(x.Shape); Unfold(g, OutputGrad, k, s, p, ho, wo, true); Tape.Accumulate(x, g); }
    }
    private static unsafe void Unfold(Tensor x, Tensor u, int k, int s, int p, int ho, int wo, bool back)
    {
        var pieces = new U(x.F32, u.F32, x.Shape[1], x.Shape[2], x.Shape[3], k, s, p, ho, wo, back);
        CpuEngine.Parallel(ref pieces, x.Shape[0]);
    }
    private readonly unsafe struct U(float* x, float* u, int H, int W, int C, int k, int s, int p, int ho, int wo, bool back) : IPieces
    {
        public void Run(int b)
        {
            for (var oy = 0; oy < ho; oy++) for (var ox = 0; ox < wo; ox++)
            {
                var row = u + ((((long)b * ho + oy) * wo + ox) * k * k * C);
                for (var ky = 0; ky < k; ky++) for (var kx = 0; kx < k; kx++, row += C)
                {
                    var y = oy * s + ky - p; var xx = ox * s + kx - p;
                    var inside = (uint)y < (uint)H && (uint)xx < (uint)W;
                    if (back) { if (!inside) continue; var t = new Span<float>(x + (((long)b * H + y) * W + xx) * C, C); var f = new ReadOnlySpan<float>(row, C); for (var i = 0; i < C; i++) t[i] += f[i]; }
                    else if (inside) new ReadOnlySpan<float>(x + (((long)b * H + y) * W + xx) * C, C).CopyTo(new Span<float>(row, C));
                    else new Span<float>(row, C).Clear();
                }
            }
        }
    }
    private static void Dw(Tensor x, Tensor w, Tensor? b, Tensor y, int k, int p)
    {
        var (B, H, W, C) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
        var xs = x.AsSpan<float>().ToArray(); var ws = w.ToArray<float>(); var bs = b!.ToArray<float>(); var wt = new float[ws.Length];
        for (var c = 0; c < C; c++) for (var i = 0; i < k * k; i++) wt[i * C + c] = ws[c * k * k + i];
        var ys = new float[y.Count];
        System.Threading.Tasks.Parallel.For(0, B * H, r => { var (bi, oy) = Math.DivRem(r, H); for (var ox = 0; ox < W; ox++) {
            var t = ys.AsSpan((r * W + ox) * C, C); bs.CopyTo(t);
            for (var ky = 0; ky < k; ky++) for (var kx = 0; kx < k; kx++) { var yy = oy + ky - p; var xx = ox + kx - p; if ((uint)yy >= (uint)H || (uint)xx >= (uint)W) continue;
              var f = xs.AsSpan(((bi * H + yy) * W + xx) * C, C); var g = wt.AsSpan((ky * k + kx) * C, C);
              var n = System.Numerics.Vector<float>.Count; var i = 0; for (; i <= C - n; i += n) (new System.Numerics.Vector<float>(t[i..]) + new System.Numerics.Vector<float>(f[i..]) * new System.Numerics.Vector<float>(g[i..])).CopyTo(t[i..]); for (; i < C; i++) t[i] += f[i] * g[i]; } } });
        ys.CopyTo(y.AsSpan<float>());
    }
    private sealed class DwNode(Tensor x, Tensor w, Tensor? b, int k, int p) : TapeNode
    {
        internal override void Backward()
        {
            var (B, H, W, C) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
            var go = OutputGrad.ToArray<float>(); var xs = x.ToArray<float>(); var ws = w.ToArray<float>();
            var gx = new float[xs.Length]; var gw = new float[ws.Length]; var gb = new float[C]; var wt = new float[ws.Length]; var gwt = new float[ws.Length];
            for (var c = 0; c < C; c++) for (var i = 0; i < k * k; i++) wt[i * C + c] = ws[c * k * k + i];
            for (var bi = 0; bi < B; bi++) for (var oy = 0; oy < H; oy++) for (var ox = 0; ox < W; ox++) {
                var g = go.AsSpan(((bi * H + oy) * W + ox) * C, C); for (var i = 0; i < C; i++) gb[i] += g[i];
                for (var ky = 0; ky < k; ky++) for (var kx = 0; kx < k; kx++) { var yy = oy + ky - p; var xx = ox + kx - p; if ((uint)yy >= (uint)H || (uint)xx >= (uint)W) continue;
                  var f = xs.AsSpan(((bi * H + yy) * W + xx) * C, C); var fx = gx.AsSpan(((bi * H + yy) * W + xx) * C, C); var ww = wt.AsSpan((ky * k + kx) * C, C); var gw2 = gwt.AsSpan((ky * k + kx) * C, C);
                  var n = System.Numerics.Vector<float>.Count; var i = 0; for (; i <= C - n; i += n) { var gv = new System.Numerics.Vector<float>(g[i..]); (new System.Numerics.Vector<float>(fx[i..]) + gv * new System.Numerics.Vector<float>(ww[i..])).CopyTo(fx[i..]); (new System.Numerics.Vector<float>(gw2[i..]) + gv * new System.Numerics.Vector<float>(f[i..])).CopyTo(gw2[i..]); } for (; i < C; i++) { fx[i] += g[i] * ww[i]; gw2[i] += g[i] * f[i]; } } }
            for (var c = 0; c < C; c++) for (var i = 0; i < k * k; i++) gw[c * k * k + i] = gwt[i * C + c];
            Tape.Accumulate(x, Tensor.From(gx, x.Shape)); Tape.Accumulate(w, Tensor.From(gw, w.Shape)); if (b is not null) Tape.Accumulate(b, Tensor.From(gb, b.Shape));
        }
    }
}
