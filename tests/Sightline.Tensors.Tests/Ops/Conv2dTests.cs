using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Tensors.Tests.Golden;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class Conv2dTests : TensorTest
{
    private static readonly OpFixture s_forward = OpFixture.Load("conv2d");
    private static readonly OpFixture s_transposed = OpFixture.Load("conv_transpose2d");

    public static TheoryData<string> Cases => OpFixture.Names("conv2d");

    public static TheoryData<string> TransposedCases => OpFixture.Names("conv_transpose2d");

    /// <summary>N, H, W, C, O, KernelH, KernelW, stride, padding, dilation, groups.</summary>
    public static TheoryData<int[]> Geometries => new(
        [1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1],
        [2, 7, 9, 5, 6, 3, 3, 1, 1, 1, 1],
        [2, 7, 9, 5, 6, 3, 3, 1, 2, 2, 1],
        [1, 8, 8, 4, 4, 2, 2, 2, 0, 1, 1],
        [1, 9, 11, 3, 33, 3, 3, 2, 1, 1, 1],
        [3, 6, 5, 40, 17, 1, 1, 1, 0, 1, 1],
        [1, 6, 5, 8, 12, 1, 1, 2, 0, 1, 1],
        [1, 12, 10, 6, 9, 3, 5, 1, 1, 1, 3],
        [1, 9, 9, 4, 8, 3, 3, 3, 0, 1, 2],
        [2, 10, 7, 37, 37, 3, 3, 1, 1, 1, 37],
        [1, 40, 9, 70, 70, 3, 3, 2, 1, 1, 70],
        [1, 13, 12, 4, 4, 5, 5, 2, 2, 2, 4],
        [1, 5, 5, 2, 3, 3, 3, 1, 4, 1, 1],
        [1, 20, 20, 60, 20, 3, 3, 1, 1, 1, 1],
        [2, 16, 20, 24, 48, 3, 3, 2, 1, 1, 1],
        [1, 17, 33, 20, 16, 3, 3, 2, 1, 1, 1],
        [1, 19, 23, 16, 32, 5, 4, 2, 2, 1, 1],
        [1, 27, 28, 17, 16, 3, 3, 3, 0, 1, 1],
        [1, 11, 41, 18, 48, 3, 3, 1, 1, 1, 1],
        [2, 20, 34, 3, 24, 3, 3, 2, 1, 1, 1],
        [1, 31, 50, 3, 40, 7, 7, 2, 3, 1, 1]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_the_reference(string name)
    {
        var fixture = s_forward[name];
        var (x, w, b) = (fixture.Input("x"), fixture.Input("w"), fixture.OptionalInput("b"));
        fixture.Run(
            new Dictionary<string, Tensor?> { ["x"] = x, ["w"] = w, ["b"] = b },
            () => Op.Conv2d(x, w, b, fixture.Int("stride", 1), fixture.Int("padding"), 1, fixture.Int("groups", 1), ImageLayout.ChannelsFirst),
            gradAtol: 5e-5);
    }

    [Theory]
    [MemberData(nameof(TransposedCases))]
    public void Transposed_agrees_with_the_reference(string name)
    {
        var fixture = s_transposed[name];
        var (x, w, b) = (fixture.Input("x"), fixture.Input("w"), fixture.OptionalInput("b"));
        fixture.Run(
            new Dictionary<string, Tensor?> { ["x"] = x, ["w"] = w, ["b"] = b },
            () => Op.ConvTranspose2d(x, w, b, fixture.Int("stride", 1), layout: ImageLayout.ChannelsFirst),
            gradAtol: 5e-5);
    }

    [Theory]
    [MemberData(nameof(Geometries))]
    public void Agrees_with_sums_in_double(int[] sizes) => CompareWithSums(Geometry(sizes), 1, 1, 5e-5);

    /// <summary>
    /// Minimal filtering, the last with more tiles than a chunk of the weight gradient has. Its error goes with the size of the whole sum, not with what is
    /// left of it, so all sums are made of size one here.
    /// <para>The tolerance: float32 sums of n terms are off by 2.6e-8 √(n / 2) (rms; each addition rounds what has been summed so far by 2^-24 / √3 or
    /// less). Here every plane sums C terms and the planes are combined, whose sizes beside the result are, in one dimension,
    /// κ = √(Σ_k A_ik² |G_k|² |B_k|² / 3) = 2.4, 1.7, 1.8 and 3.0 for the four places of a tile: in two dimensions 5.1 (rms) and 8.8 in the worst
    /// corner. Direct summation has 9 C terms, a factor of 3, so errors are 1.7 times as large, and 2.9 times in the corner. With C = 40 and what the
    /// transforms round, 7e-7 (rms; simulated) and 1.2e-6 in the corner; five of these, for 1e5 results, are 6e-6. For the weight gradient of the last case,
    /// κ = 7.2 in the corner and 324 tiles: 2.4e-6, four of which, for 1,500 results, are 9.6e-6. Without fused multiply-add every term is rounded, too, which
    /// adds little. Hence 1e-5 (1 + |e|); a wrong factor in a transform is off by 0.1 and more.</para>
    /// </summary>
    [Theory]
    [InlineData(2, 8, 8, 32, 48, 0)]
    [InlineData(1, 9, 11, 40, 33, 1)]
    [InlineData(1, 6, 7, 37, 70, 2)]
    [InlineData(4, 34, 33, 32, 48, 1)]
    public void Tiles_agree_with_sums_in_double(int N, int H, int W, int C, int O, int padding)
    {
        var g = Geometry([N, H, W, C, O, 3, 3, 1, padding, 1, 1]);
        CompareWithSums(g, 1 / MathF.Sqrt(g.Taps), 1 / MathF.Sqrt(g.OutPixels), 1e-5);
    }

    private static void CompareWithSums(ConvGeometry g, float scaleW, float scaleR, double tolerance)
    {
        var random = new RandomStream(3);
        var (x, w, b) = (Gradients.Normal(random, [g.N, g.H, g.W, g.C]), Gradients.Normal(random, [g.O, g.GroupC, g.KernelH, g.KernelW]), Gradients.Normal(random, [g.O]));
        var r = Gradients.Normal(random, [g.N, g.OutH, g.OutW, g.O]);
        w = Op.Scale(w, scaleW);
        r = Op.Scale(r, scaleR);
        x.RequiresGrad = w.RequiresGrad = b.RequiresGrad = true;
        using var tape = Tape.Record();
        var y = Op.Conv2d(x, w, b, g.Stride, g.Padding, g.Dilation, g.Groups);
        tape.Backward(y, r.Clone());
        var (expected, dx, dw, db) = Reference(x.ToArray<float>(), w.ToArray<float>(), b.ToArray<float>(), r.ToArray<float>(), g);
        Near(expected, y, tolerance);
        Near(dx, x.Grad!, tolerance);
        Near(dw, w.Grad!, tolerance);
        Near(db, b.Grad!, tolerance);
    }

    [Theory]
    [InlineData(1, 0, 0, 1)]
    [InlineData(2, 1, 1, 1)]
    [InlineData(3, 2, 0, 2)]
    public void Transposed_gradients_agree_with_finite_differences(int stride, int padding, int outputPadding, int groups)
    {
        var random = new RandomStream(5);
        var (x, w, b) = (Gradients.Normal(random, [2, 4, 3, 4]), Gradients.Normal(random, [4, 3, 3, 3]), Gradients.Normal(random, [3 * groups]));
        Gradients.Check([x, w, b], () => Op.ConvTranspose2d(x, w, b, stride, padding, outputPadding, 1, groups), random);
    }

    [Fact]
    [Trait("Engine", "cpu")]
    public void The_bits_do_not_depend_on_the_thread_count()
    {
        var random = new RandomStream(5);
        var threads = ThreadTeam.Shared.Threads;
        foreach (var (groups, stride) in (ReadOnlySpan<(int, int)>)[(1, 1), (1, 2), (48, 1), (48, 2)])
        {
            var (x, w) = (Gradients.Normal(random, [2, 30, 20, 48]), Gradients.Normal(random, [48, 48 / groups, 3, 3]));
            x.RequiresGrad = w.RequiresGrad = true;
            var results = new List<float[]>();
            foreach (var count in (int[])[1, 2, 3])
            {
                ThreadTeam.SetThreads(count);
                using var tape = Tape.Record();
                var y = Op.Conv2d(x, w, null, stride, 1, 1, groups);
                tape.Backward(y, Tensor.Full(y.Shape, 0.3f));
                results.Add([.. y.ToArray<float>(), .. x.Grad!.ToArray<float>(), .. w.Grad!.ToArray<float>()]);
                x.ClearGrad();
                w.ClearGrad();
            }

            ThreadTeam.SetThreads(threads);
            Assert.Equal(results[0], results[1]);
            Assert.Equal(results[0], results[2]);
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(8, 1)]
    public void Bfloat16_follows_float32(int groups, int stride)
    {
        var random = new RandomStream(6);
        var tensors = new[] { Gradients.Normal(random, [2, 9, 8, 8]), Gradients.Normal(random, [8, 8 / groups, 3, 3]), Gradients.Normal(random, [8]) };
        var results = new List<float[]>();
        foreach (var type in (DType[])[DType.Float32, DType.BFloat16])
        {
            var (x, w, b) = (Cast(tensors[0], type), Cast(tensors[1], type), Cast(tensors[2], type));
            x.RequiresGrad = w.RequiresGrad = b.RequiresGrad = true;
            using var tape = Tape.Record();
            var y = Op.Conv2d(x, w, b, stride, 1, 1, groups);
            Assert.Equal(type, y.DType);
            tape.Backward(y, Cast(Tensor.Full(y.Shape, 0.5f), type));
            results.Add([.. Values(y), .. Values(x.Grad!), .. Values(w.Grad!), .. Values(b.Grad!)]);
        }

        for (var i = 0; i < results[0].Length; i++) Assert.InRange(results[1][i] - results[0][i], -0.1 - (0.02 * Math.Abs(results[0][i])), 0.1 + (0.02 * Math.Abs(results[0][i])));
    }

    [Fact]
    public void Wrong_sizes_are_named()
    {
        Assert.Contains("[8, 4, 3, 3]", Assert.Throws<ShapeException>(() => Op.Conv2d(Tensor.Zeros([1, 9, 9, 3]), Tensor.Zeros([8, 4, 3, 3]))).Message);
        Assert.Throws<ShapeException>(() => Op.Conv2d(Tensor.Zeros([1, 2, 2, 4]), Tensor.Zeros([8, 4, 3, 3])));
    }

    private static ConvGeometry Geometry(int[] s) => new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10]);

    private static (double[] Y, double[] Dx, double[] Dw, double[] Db) Reference(float[] x, float[] w, float[] b, float[] r, ConvGeometry g)
    {
        var (y, dx, dw, db) = (new double[r.Length], new double[x.Length], new double[w.Length], new double[b.Length]);
        for (var i = 0; i < r.Length; i++)
        {
            var o = i % g.O;
            var (ox, oy, n) = (i / g.O % g.OutW, i / g.O / g.OutW % g.OutH, i / g.O / g.OutW / g.OutH);
            y[i] = b[o];
            db[o] += r[i];
            for (var tap = 0; tap < g.GroupC * g.KernelH * g.KernelW; tap++)
            {
                var (c, ky, kx) = (tap / (g.KernelH * g.KernelW), tap / g.KernelW % g.KernelH, tap % g.KernelW);
                var (iy, ix) = ((oy * g.Stride) - g.Padding + (ky * g.Dilation), (ox * g.Stride) - g.Padding + (kx * g.Dilation));
                if (iy < 0 || iy >= g.H || ix < 0 || ix >= g.W) continue;
                var xi = (((((n * g.H) + iy) * g.W) + ix) * g.C) + (o / g.GroupO * g.GroupC) + c;
                var wi = (o * g.GroupC * g.KernelH * g.KernelW) + tap;
                y[i] += (double)x[xi] * w[wi];
                dx[xi] += (double)r[i] * w[wi];
                dw[wi] += (double)r[i] * x[xi];
            }
        }

        return (y, dx, dw, db);
    }

    private static void Near(double[] expected, Tensor actual, double tolerance)
    {
        var values = actual.ToArray<float>();
        Assert.Equal(expected.Length, values.Length);
        for (var i = 0; i < values.Length; i++) Assert.True(Math.Abs(expected[i] - values[i]) <= tolerance * (1 + Math.Abs(expected[i])), $"[{i}]: {values[i]}, expected {expected[i]}");
    }

    private static Tensor Cast(Tensor x, DType type) => Op.Cast(x.Detach(), type);

    private static float[] Values(Tensor x) => Cast(x, DType.Float32).ToArray<float>();
}
