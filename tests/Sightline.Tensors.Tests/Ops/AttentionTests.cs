using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Cpu.MachineCode;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Tensors.Tests.Golden;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class AttentionTests : TensorTest
{
    private static readonly OpFixture s_fixture = OpFixture.Load("attention");

    /// <summary>The reference cases without a mask of their own.</summary>
    public static TheoryData<string> SpanCases
    {
        get
        {
            var data = new TheoryData<string>();
            foreach (var row in OpFixture.Names("attention"))
            {
                if (s_fixture[row.Data].Text("mask") is null) data.Add(row.Data);
            }

            return data;
        }
    }

    public static TheoryData<string, int, int, int, int, int> Layouts
    {
        get
        {
            var data = new TheoryData<string, int, int, int, int, int>();
            foreach (var (heads, keyHeads, D, Dv) in (ReadOnlySpan<(int, int, int, int)>)[(2, 2, 16, 16), (4, 2, 5, 9), (3, 1, 33, 20), (1, 1, 80, 80)])
            {
                foreach (var layout in (string[])["full", "causal", "cache", "short", "packed", "prompt", "windows", "cross", "gaps"]) data.Add(layout, heads, keyHeads, D, Dv, 0);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(SpanCases))]
    public void Agrees_with_the_reference(string name)
    {
        // the fixtures are [B, H, L, D]; batch entries are checked one by one as [L, H, D]
        var fixture = s_fixture[name];
        var (q, k, v) = (fixture.Input("q"), fixture.Input("k"), fixture.Input("v"));
        var (B, H, Lq, D) = (q.Shape[0], q.Shape[1], q.Shape[2], q.Shape[3]);
        var (Hkv, Lk) = (k.Shape[1], k.Shape[2]);
        var layout = AttentionLayout.Batch(B, Lq, Lk, fixture.Bool("causal"));
        float? scale = fixture.Params.TryGetProperty("scale", out _) ? fixture.Float("scale") : null;
        var (qr, kr, vr) = (HeadsInside(q), HeadsInside(k), HeadsInside(v));
        qr.RequiresGrad = kr.RequiresGrad = vr.RequiresGrad = true;
        using var tape = Tape.Record();
        var y = Op.Attention(qr, kr, vr, layout, scale);
        fixture.CheckOutput(HeadsOutside(y, B, Lq));
        tape.Backward(y, HeadsInside(fixture.Upstream()));
        q.Grad = HeadsOutside(qr.Grad!, B, Lq);
        k.Grad = HeadsOutside(kr.Grad!, B, Lk);
        v.Grad = HeadsOutside(vr.Grad!, B, Lk);
        fixture.CheckGrad(q, "q", 5e-5);
        fixture.CheckGrad(k, "k", 5e-5);
        fixture.CheckGrad(v, "v", 5e-5);
        foreach (var x in (Tensor[])[q, k, v]) x.Grad = null;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Agrees_with_a_mask_in_double(string kind, int H, int Hkv, int D, int Dv, int seed)
    {
        var random = new RandomStream((ulong)seed + 3);
        var (layout, T, S) = Layout(kind);
        var (q, k, v, r) = (Gradients.Normal(random, [T, H, D]), Gradients.Normal(random, [S, Hkv, D]), Gradients.Normal(random, [S, Hkv, Dv]), Gradients.Normal(random, [T, H, Dv]));
        q.RequiresGrad = k.RequiresGrad = v.RequiresGrad = true;
        using var tape = Tape.Record();
        var y = Op.Attention(q, k, v, layout, 0.4f);
        tape.Backward(y, r.Clone());
        var expected = new MaskedReference(q, k, v, r, layout, 0.4);
        Near(expected.Output, y);
        Near(expected.Dq, q.Grad!);
        Near(expected.Dk, k.Grad!);
        Near(expected.Dv, v.Grad!);
    }

    [Fact]
    [Trait("Engine", "cpu")]
    public void The_bits_do_not_depend_on_the_thread_count()
    {
        var random = new RandomStream(4);
        var layout = AttentionLayout.SharedPrompt(70, [90, 40]);
        var (q, k, v) = (Gradients.Normal(random, [200, 4, 24]), Gradients.Normal(random, [200, 2, 24]), Gradients.Normal(random, [200, 2, 24]));
        q.RequiresGrad = k.RequiresGrad = v.RequiresGrad = true;
        var threads = ThreadTeam.Shared.Threads;
        var results = new List<float[]>();
        foreach (var count in (int[])[1, 2, 3])
        {
            ThreadTeam.SetThreads(count);
            using var tape = Tape.Record();
            var y = Op.Attention(q, k, v, layout);
            tape.Backward(y, Tensor.Full(y.Shape, 1));
            results.Add([.. y.ToArray<float>(), .. q.Grad!.ToArray<float>(), .. k.Grad!.ToArray<float>(), .. v.Grad!.ToArray<float>()]);
            q.ClearGrad();
            k.ClearGrad();
            v.ClearGrad();
        }

        ThreadTeam.SetThreads(threads);
        Assert.Equal(results[0], results[1]);
        Assert.Equal(results[0], results[2]);
    }

    [Fact]
    public void Large_scores_do_not_overflow_and_not_a_number_stays_in_its_query()
    {
        var random = new RandomStream(4);
        var (q, k, v) = (Gradients.Normal(random, [20, 1, 8], 100), Gradients.Normal(random, [300, 1, 8], 100), Gradients.Normal(random, [300, 1, 8]));
        q.Write([float.NaN], 5 * 8);
        var y = Op.Attention(q, k, v, AttentionLayout.Full(20, 300)).ToArray<float>();
        for (var i = 0; i < y.Length; i++) Assert.Equal(i / 8 == 5, !float.IsFinite(y[i]));
    }

    [Theory]
    [InlineData(DType.BFloat16, 2e-2)]
    [InlineData(DType.Float16, 3e-3)]
    public void Sixteen_bit_floats_follow_float32(DType type, double allowed)
    {
        var random = new RandomStream(4);
        var layout = AttentionLayout.Causal(40, 50);
        var tensors = new[] { Gradients.Normal(random, [40, 2, 12]), Gradients.Normal(random, [50, 1, 12]), Gradients.Normal(random, [50, 1, 12]), Gradients.Normal(random, [40, 2, 12]) };
        var results = new List<float[]>();
        foreach (var target in (DType[])[DType.Float32, type])
        {
            var (q, k, v, r) = (Cast(tensors[0], target), Cast(tensors[1], target), Cast(tensors[2], target), Cast(tensors[3], target));
            q.RequiresGrad = k.RequiresGrad = v.RequiresGrad = true;
            using var tape = Tape.Record();
            var y = Op.Attention(q, k, v, layout);
            tape.Backward(y, r);
            results.Add([.. Values(y), .. Values(q.Grad!), .. Values(k.Grad!), .. Values(v.Grad!)]);
        }

        for (var i = 0; i < results[0].Length; i++) Assert.InRange(results[1][i] - results[0][i], -allowed * (1 + Math.Abs(results[0][i])), allowed * (1 + Math.Abs(results[0][i])));
    }

    /// <summary>Within what rounding to 8 bits of mantissa allows, and the same bits with any number of threads and at any place among the keys.</summary>
    [Theory]
    [InlineData("full", 32)]
    [InlineData("windows", 80)]
    [InlineData("cross", 10)]
    [InlineData("causal", 16)]
    public void Rounded_operands_follow_float32(string kind, int width)
    {
        var random = new RandomStream(6);
        var (layout, T, S) = Layout(kind);
        var (q, k, v) = (Gradients.Normal(random, [T, 4, width]), Gradients.Normal(random, [S, 2, width]), Gradients.Normal(random, [S, 2, width]));
        var exact = Op.Attention(q, k, v, layout).ToArray<float>();
        var threads = ThreadTeam.Shared.Threads;
        var results = new List<float[]>();
        foreach (var count in (int[])[1, 3])
        {
            ThreadTeam.SetThreads(count);
            results.Add(Op.Attention(q, k, v, layout, rounded: true).ToArray<float>());
        }

        ThreadTeam.SetThreads(threads);
        Assert.Equal(results[0], results[1]);
        // 2^-9 of each operand: scores of about sqrt(width) summands are off by some 0.01, and so are the weights and the means of values of size 1
        for (var i = 0; i < exact.Length; i++) Assert.InRange(results[0][i] - exact[i], -0.03f, 0.03f);
        if (q.Engine is not CpuEngine || PairProductCode.Instance is null || kind is "causal" or "cross") Assert.Equal(exact, results[0]);
        else Assert.NotEqual(exact, results[0]);
    }

    [Fact]
    public void Rounded_operands_give_the_sums_of_rounded_numbers()
    {
        var random = new RandomStream(8);
        var (q, k, v) = (Rounded(Gradients.Normal(random, [70, 1, 16])), Rounded(Gradients.Normal(random, [301, 1, 16])), Rounded(Gradients.Normal(random, [301, 1, 16])));
        // a scale that is a power of two over log2 e leaves the queries as they are; then only the probabilities are rounded
        var scale = 0.25f / 1.44269504f;
        var exact = Op.Attention(q, k, v, AttentionLayout.Full(70, 301), scale).ToArray<float>();
        var y = Op.Attention(q, k, v, AttentionLayout.Full(70, 301), scale, rounded: true).ToArray<float>();
        for (var i = 0; i < exact.Length; i++) Assert.InRange(y[i] - exact[i], -4e-3f, 4e-3f);
    }

    private static Tensor Rounded(Tensor x) => Cast(Cast(x, DType.BFloat16), DType.Float32);

    [Fact]
    public void Overlapping_spans_and_short_tensors_are_refused()
    {
        Assert.Throws<ShapeException>(() => new AttentionLayout(new AttentionSpan(0, 5, 0, 5), new AttentionSpan(3, 5, 0, 5)));
        Assert.Throws<ShapeException>(() => new AttentionLayout(new AttentionSpan(0, 5, 0, 5), new AttentionSpan(0, 5, 4, 5)));
        var x = Tensor.Zeros([4, 1, 2]);
        Assert.Throws<ShapeException>(() => Op.Attention(x, x, x, AttentionLayout.Full(4, 5)));
    }

    private static (AttentionLayout Layout, int T, int S) Layout(string kind) => kind switch
    {
        "full" => (AttentionLayout.Full(130, 300), 130, 300),
        "causal" => (AttentionLayout.Causal(150, 150), 150, 150),
        "cache" => (AttentionLayout.Causal(3, 100), 3, 100),
        "short" => (AttentionLayout.Causal(30, 11), 30, 11),
        "packed" => (AttentionLayout.Packed([5, 70, 1, 29], causal: true), 105, 105),
        "prompt" => (AttentionLayout.SharedPrompt(33, [20, 7, 81]), 141, 141),
        "windows" => (AttentionLayout.Packed([64, 64, 20]), 148, 148),
        "cross" => (AttentionLayout.Cross([9, 0, 17], [30, 4, 15]), 26, 49),
        "gaps" => (new AttentionLayout(new AttentionSpan(4, 10, 6, 20), new AttentionSpan(4, 10, 40, 12), new AttentionSpan(20, 70, 3, 9)), 95, 60),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>[B, H, L, D] to [B L, H, D].</summary>
    private static Tensor HeadsInside(Tensor x)
    {
        var (B, H, L, D) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
        var from = x.ReadSpan<float>();
        var to = new float[x.Count];
        for (var i = 0; i < B * H * L; i++)
        {
            var (b, h, l) = (i / (H * L), i / L % H, i % L);
            from.Slice(i * D, D).CopyTo(to.AsSpan((((b * L) + l) * H + h) * D));
        }

        return Tensor.From(to, [B * L, H, D]);
    }

    /// <summary>[B L, H, D] to [B, H, L, D].</summary>
    private static Tensor HeadsOutside(Tensor x, int B, int L)
    {
        var (H, D) = (x.Shape[1], x.Shape[2]);
        var from = x.ReadSpan<float>();
        var to = new float[x.Count];
        for (var i = 0; i < B * H * L; i++)
        {
            var (b, h, l) = (i / (H * L), i / L % H, i % L);
            from.Slice(((((b * L) + l) * H) + h) * D, D).CopyTo(to.AsSpan(i * D));
        }

        return Tensor.From(to, [B, H, L, D]);
    }

    private static Tensor Cast(Tensor x, DType type)
    {
        var y = Tensor.Empty(x.Shape, type);
        y.Engine.Cast(x, y);
        return y;
    }

    private static float[] Values(Tensor x) => Cast(x, DType.Float32).ToArray<float>();

    private static void Near(double[] expected, Tensor actual)
    {
        var values = actual.ToArray<float>();
        Assert.Equal(expected.Length, values.Length);
        for (var i = 0; i < values.Length; i++) Assert.True(Math.Abs(expected[i] - values[i]) <= 2e-5 * (1 + Math.Abs(expected[i])), $"[{i}]: {values[i]}, expected {expected[i]}");
    }
}
