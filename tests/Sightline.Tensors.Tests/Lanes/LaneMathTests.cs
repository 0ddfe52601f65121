using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;

namespace Sightline.Tensors.Tests.Lanes;

/// <summary>The elementary functions: accuracy against float64, special values, and the same bits at every width.</summary>
[Trait("Isa", "each")]
public unsafe class LaneMathTests
{
    private static readonly float[] s_special =
        [0f, -0f, 1e-45f, -1e-45f, 1e-38f, 1e-30f, 1e-8f, -1e-8f, 0.3f, 1f, -1f, 20f, -20f, 87f, 88.7f, 88.73f, 89f, -87f, -88f, -103f, -104f, -105f, 1e4f, -1e4f, 3e38f, -3e38f, float.PositiveInfinity, float.NegativeInfinity, float.NaN];

    /// <summary>Largest error in units in the last place over a fine grid and random points; results below the normal range are measured in its unit.</summary>
    [Fact]
    public void Accuracy()
    {
        Check("exp", x => LaneMath.Exp(new Lane1(x)), Math.Exp, -104f, 88.7f, 1.5);
        Check("log", x => LaneMath.Log(new Lane1(x)), Math.Log, 1e-38f, 1e3f, 1.5);
        Check("log near one", x => LaneMath.Log(new Lane1(x)), Math.Log, 0.5f, 2f, 1.5);
        Check("log1p", x => LaneMath.Log1p(new Lane1(x)), LogOnePlus, 0f, 1f, 1.6);
        Check("tanh", x => LaneMath.Tanh(new Lane1(x)), Math.Tanh, -10f, 10f, 2);
        Check("erf", x => LaneMath.Erf(new Lane1(x)), Erf, -5f, 5f, 2);
        Check("sigmoid", x => LaneMath.Sigmoid(new Lane1(x)), x => 1 / (1 + Math.Exp(-x)), -80f, 80f, 2.5);
    }

    [Fact]
    public void Special_values()
    {
        Assert.Equal(0f, LaneMath.Exp(new Lane1(float.NegativeInfinity)).Value);
        Assert.Equal(float.PositiveInfinity, LaneMath.Exp(new Lane1(float.PositiveInfinity)).Value);
        Assert.Equal(float.PositiveInfinity, LaneMath.Exp(new Lane1(1e4f)).Value);
        Assert.Equal(float.NaN, LaneMath.Exp(new Lane1(float.NaN)).Value);
        Assert.Equal(1f, LaneMath.Exp(new Lane1(0)).Value);
        Assert.Equal(float.NegativeInfinity, LaneMath.Log(new Lane1(0)).Value);
        Assert.Equal(float.NegativeInfinity, LaneMath.Log(new Lane1(-0f)).Value);
        Assert.Equal(float.NaN, LaneMath.Log(new Lane1(-1)).Value);
        Assert.Equal(float.NaN, LaneMath.Log(new Lane1(float.NaN)).Value);
        Assert.Equal(float.PositiveInfinity, LaneMath.Log(new Lane1(float.PositiveInfinity)).Value);
        Assert.Equal(MathF.Log(1e-45f), LaneMath.Log(new Lane1(1e-45f)).Value, 1e-4f);
        foreach (var sign in (float[])[1, -1])
        {
            Assert.Equal(sign, LaneMath.Tanh(new Lane1(sign * float.PositiveInfinity)).Value);
            Assert.Equal(sign, LaneMath.Erf(new Lane1(sign * float.PositiveInfinity)).Value);
            Assert.Equal(sign * 1e-30f, LaneMath.Tanh(new Lane1(sign * 1e-30f)).Value);
        }

        Assert.Equal(float.NaN, LaneMath.Tanh(new Lane1(float.NaN)).Value);
        Assert.Equal(float.NaN, LaneMath.Erf(new Lane1(float.NaN)).Value);
        Assert.Equal(0f, LaneMath.Sigmoid(new Lane1(-1e4f)).Value);
        Assert.Equal(1f, LaneMath.Sigmoid(new Lane1(1e4f)).Value);
    }

    [Fact]
    public void Every_width_gives_the_same_bits()
    {
        var random = new RandomStream(7);
        var x = s_special.Concat(Enumerable.Range(0, 4099).Select(_ => (float)(random.NextNormal() * 20))).ToArray();
        x = [.. x, .. new float[16 - (x.Length % 16)]];
        SameBits(x, default(ExpKernel));
        SameBits(x, default(LogKernel));
        SameBits(x, default(TanhKernel));
        SameBits(x, default(SigmoidKernel));
        SameBits(x, default(SiluKernel));
        SameBits(x, default(GeluErfKernel));
        SameBits(x, default(GeluTanhKernel));
        SameBits(x, default(SoftplusKernel));
        SameBits(x, default(LogSigmoidKernel));
        SameBits(x, default(ReluKernel));
        SameBits(x, new ClampKernel(-1, 2));
        SameBits(x, new LogitKernel(1e-5f));
    }

    private static void SameBits<K>(float[] x, K kernel)
        where K : struct, IUnaryKernel
    {
        var expected = Run<K, Lane1>(x, kernel);
        foreach (var actual in (float[][])[Run<K, Lane4>(x, kernel), Run<K, Lane8>(x, kernel), Run<K, Lane16>(x, kernel), Run<K, Twice<Twice<Lane4>>>(x, kernel)])
        {
            for (var i = 0; i < x.Length; i++)
            {
                var same = BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]) || (float.IsNaN(expected[i]) && float.IsNaN(actual[i]));
                Assert.True(same, $"{typeof(K).Name}({x[i]:R}): scalar {expected[i]:R}, vector {actual[i]:R}");
            }
        }
    }

    private static float[] Run<K, V>(float[] x, K kernel)
        where K : struct, IUnaryKernel
        where V : struct, ILanes<V>
    {
        var y = new float[x.Length];
        fixed (float* from = x, to = y) Assert.Equal(x.Length, Elementwise.Map<K, V>(from, to, 0, x.Length, kernel));
        return y;
    }

    private static void Check(string name, Func<float, Lane1> f, Func<double, double> reference, float low, float high, double limit)
    {
        const int Points = 20_000;
        double worst = 0;
        float at = 0;
        for (var i = 0; i <= Points; i++)
        {
            var x = low + ((high - low) * (i / (float)Points));
            var expected = reference(x);
            if (Math.Abs(expected) > float.MaxValue) continue;
            var size = Math.Max(Math.Abs((float)expected), 1.2e-38f);
            var unit = (double)MathF.BitIncrement(size) - size;
            var error = Math.Abs(f(x).Value - expected) / unit;
            if (error <= worst) continue;
            (worst, at) = (error, x);
        }

        Assert.True(worst <= limit, $"{name}: {worst:F2} units in the last place at {at:R}");
    }

    private static double LogOnePlus(double x) => Math.Abs(x) < 1e-4 ? x - (x * x / 2) + (x * x * x / 3) : Math.Log(1 + x);

    /// <summary>Series for small arguments, continued fraction for the complement of large ones.</summary>
    private static double Erf(double x)
    {
        var a = Math.Abs(x);
        if (a < 2.5)
        {
            double term = a, sum = a;
            for (var n = 1; n < 80; n++)
            {
                term *= -a * a / n;
                sum += term / ((2 * n) + 1);
            }

            return Math.Sign(x) * 2 / Math.Sqrt(Math.PI) * sum;
        }

        var fraction = 0.0;
        for (var n = 60; n > 0; n--) fraction = n / 2.0 / (a + fraction);
        return Math.Sign(x) * (1 - (Math.Exp(-a * a) / Math.Sqrt(Math.PI) / (a + fraction)));
    }
}
