using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Tests.Reference;

internal sealed partial class ReferenceEngine
{
    private const double TanhFactor = 0.7978845608028654; // √(2 / π)

    public override void Unary(UnaryKind kind, Tensor x, Tensor y, float a = 0, float b = 0) => Write(y, Array.ConvertAll(Read(x), v => Function(kind, v, a, b)));

    public override void UnaryBackward(UnaryKind kind, Tensor saved, Tensor dy, Tensor dx, float a = 0, float b = 0)
    {
        var (s, g) = (Read(saved), Read(dy));
        for (var i = 0; i < g.Length; i++) g[i] = Gradient(kind, s[i], g[i], a, b);
        Write(dx, g);
    }

    public override void Binary(BinaryKind kind, Tensor a, Tensor b, Tensor y)
    {
        var (left, right, result) = (Read(a), Read(b), new double[y.Count]);
        var (atLeft, atRight) = (Positions(y.Shape, a.Shape), Positions(y.Shape, b.Shape));
        for (var i = 0; i < result.Length; i++)
        {
            var (p, q) = (left[atLeft[i]], right[atRight[i]]);
            result[i] = kind switch
            {
                BinaryKind.Add => p + q,
                BinaryKind.Sub => p - q,
                BinaryKind.Mul => p * q,
                BinaryKind.Div => p / q,
                BinaryKind.Minimum => Math.Min(p, q),
                BinaryKind.Maximum => Math.Max(p, q),
                _ => p < q ? 1 : p == q ? 0.5 : 0,
            };
        }

        Write(y, result);
    }

    public override void Select(Tensor mask, Tensor a, Tensor b, Tensor y)
    {
        var (yes, no, chosen, result) = (Read(a), Read(b), Read(mask), new double[y.Count]);
        var (atYes, atNo, atMask) = (Positions(y.Shape, a.Shape), Positions(y.Shape, b.Shape), Positions(y.Shape, mask.Shape));
        for (var i = 0; i < result.Length; i++) result[i] = chosen[atMask[i]] != 0 ? yes[atYes[i]] : no[atNo[i]];
        Write(y, result);
    }

    public override void PointLoss(PointLossKind kind, Tensor x, Tensor target, Tensor y, float a, float b) => PointLoss(kind, x, target, y, a, b, slope: false);

    public override void PointLossSlope(PointLossKind kind, Tensor x, Tensor target, Tensor y, float a, float b) => PointLoss(kind, x, target, y, a, b, slope: true);

    public override void Dropout(Tensor x, Tensor y, float p, ulong seed)
    {
        var values = Read(x);
        for (var i = 0; i < values.Length; i++) values[i] = Hash((uint)i, seed) < (uint)(p * 4294967296.0) ? 0 : values[i] * (1f / (1f - p));
        Write(y, values);
    }

    /// <summary>Where each element of a result reads a broadcast operand.</summary>
    private static int[] Positions(Shape result, Shape operand)
    {
        var positions = new int[result.Count];
        for (var i = 0; i < positions.Length; i++)
        {
            var (rest, run) = (i, 1);
            for (var axis = 1; axis <= result.Rank; axis++)
            {
                var at = rest % result[^axis];
                rest /= result[^axis];
                if (axis > operand.Rank) break;
                if (operand[^axis] != 1) positions[i] += at * run;
                run *= operand[^axis];
            }
        }

        return positions;
    }

    private static double Function(UnaryKind kind, double x, double a, double b) => kind switch
    {
        UnaryKind.Neg => -x,
        UnaryKind.Exp => Math.Exp(x),
        UnaryKind.Log => Math.Log(x),
        UnaryKind.Sqrt => Math.Sqrt(x),
        UnaryKind.Square => x * x,
        UnaryKind.Abs => Math.Abs(x),
        UnaryKind.Relu => Math.Max(x, 0),
        UnaryKind.Sigmoid => Sigmoid(x),
        UnaryKind.Tanh => Math.Tanh(x),
        UnaryKind.GeluErf => x * NormalCdf(x),
        UnaryKind.GeluTanh => 0.5 * x * (1 + Math.Tanh(TanhFactor * (x + (0.044715 * x * x * x)))),
        UnaryKind.QuickGelu => x * Sigmoid(1.702 * x),
        UnaryKind.Silu => x * Sigmoid(x),
        UnaryKind.Softplus => Math.Max(x, 0) + LogOnePlus(Math.Exp(-Math.Abs(x))),
        UnaryKind.LogSigmoid => Math.Min(x, 0) - LogOnePlus(Math.Exp(-Math.Abs(x))),
        UnaryKind.Logit => Logit(Math.Min(Math.Max(x, a), 1 - a)),
        UnaryKind.Clamp => Math.Min(Math.Max(x, a), b),
        UnaryKind.Scale => a * x,
        _ => x + a,
    };

    private static double Gradient(UnaryKind kind, double s, double g, double a, double b)
    {
        var p = kind == UnaryKind.QuickGelu ? Sigmoid(1.702 * s) : Sigmoid(s);
        var t = Math.Tanh(TanhFactor * (s + (0.044715 * s * s * s)));
        return kind switch
        {
            UnaryKind.Neg => -g,
            UnaryKind.Exp => g * s,
            UnaryKind.Log => g / s,
            UnaryKind.Sqrt => g * 0.5 / s,
            UnaryKind.Square => g * 2 * s,
            UnaryKind.Abs => s == 0 ? 0 : s < 0 ? -g : g,
            UnaryKind.Relu => s > 0 ? g : 0,
            UnaryKind.Sigmoid => g * s * (1 - s),
            UnaryKind.Tanh => g * (1 - (s * s)),
            UnaryKind.GeluErf => g * (NormalCdf(s) + (s * Math.Exp(-0.5 * s * s) / Math.Sqrt(2 * Math.PI))),
            UnaryKind.GeluTanh => g * 0.5 * (1 + t + (s * (1 - (t * t)) * TanhFactor * (1 + (3 * 0.044715 * s * s)))),
            UnaryKind.QuickGelu => g * p * (1 + (1.702 * s * (1 - p))),
            UnaryKind.Silu => g * p * (1 + (s * (1 - p))),
            UnaryKind.Softplus => g * p,
            UnaryKind.LogSigmoid => g * Sigmoid(-s),
            UnaryKind.Logit => s < a || s > 1 - a ? 0 : g / (s * (1 - s)),
            UnaryKind.Clamp => s < a || s > b ? 0 : g,
            UnaryKind.Scale => g * a,
            _ => g,
        };
    }

    private void PointLoss(PointLossKind kind, Tensor x, Tensor target, Tensor y, float a, float b, bool slope)
    {
        var (values, targets) = (Read(x), Read(target));
        for (var i = 0; i < values.Length; i++)
        {
            var (value, derivative) = Loss(kind, values[i], targets[i], a, b);
            values[i] = slope ? derivative : value;
        }

        Write(y, values);
    }

    private static (double Value, double Slope) Loss(PointLossKind kind, double x, double t, double a, double b)
    {
        var p = Sigmoid(x);
        var bce = Math.Max(x, 0) - (x * t) + LogOnePlus(Math.Exp(-Math.Abs(x)));
        var (d, miss) = (x - t, (p * (1 - t)) + ((1 - p) * t));
        var alpha = a < 0 ? 1 : (a * t) + ((1 - a) * (1 - t));
        return kind switch
        {
            PointLossKind.Bce => (bce, p - t),
            PointLossKind.Focal => (alpha * Math.Pow(miss, b) * bce,
                alpha * (((p - t) * Math.Pow(miss, b)) + (bce * PowerSlope(miss, b) * p * (1 - p) * (1 - (2 * t))))),
            PointLossKind.QualityFocal => (Math.Pow(Math.Abs(p - t), b) * bce,
                ((p - t) * Math.Pow(Math.Abs(p - t), b)) + (bce * PowerSlope(Math.Abs(p - t), b) * SignOf(p - t) * p * (1 - p))),
            PointLossKind.Varifocal => t > 0
                ? (t * bce, t * (p - t))
                : (a * Math.Pow(p, b) * bce, a * (((p - t) * Math.Pow(p, b)) + (bce * PowerSlope(p, b) * p * (1 - p)))),
            PointLossKind.L1 => (Math.Abs(d), SignOf(d)),
            PointLossKind.SmoothL1 => Math.Abs(d) < a ? (d * d / (2 * a), d / a) : (Math.Abs(d) - (a / 2), SignOf(d)),
            _ => (d * d, 2 * d),
        };
    }

    /// <summary>d q^γ / d q, 0 at q = 0 unless γ is 1.</summary>
    private static double PowerSlope(double q, double gamma) => gamma == 1 ? 1 : q == 0 ? 0 : gamma * Math.Pow(q, gamma - 1);

    private static double SignOf(double x) => double.IsNaN(x) ? x : Math.Sign(x);

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double Logit(double z) => Math.Log(z / (1 - z));

    /// <summary>ln(1 + x) for 0 ≤ x ≤ 1 without the cancellation of small x (Kahan).</summary>
    private static double LogOnePlus(double x) => 1 + x == 1 ? x : Math.Log(1 + x) * x / (1 + x - 1);

    /// <summary>Φ(x): the power series of the error function near zero, its continued fraction in the tails (Abramowitz and Stegun 7.1.6, 7.1.14).</summary>
    private static double NormalCdf(double x)
    {
        if (double.IsNaN(x)) return x;
        var density = Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI);
        if (Math.Abs(x) > 3.5)
        {
            double fraction = 0;
            for (var n = 120; n > 0; n--) fraction = n / (Math.Abs(x) + fraction);
            var tail = density / (Math.Abs(x) + fraction);
            return x > 0 ? 1 - tail : tail;
        }

        double term = x, sum = x;
        for (var n = 1; n < 120; n++) sum += term *= x * x / ((2 * n) + 1);
        return 0.5 + (density * sum);
    }

    /// <summary>The decision of <see cref="Engine.Dropout"/> about element i: two multiply-xorshift rounds, salted between them.</summary>
    private static uint Hash(uint i, ulong seed)
    {
        var h = (i * 0x9E3779B1) ^ (uint)seed;
        h = (h ^ (h >> 16)) * 0x7FEB352D;
        h = (h ^ (h >> 15)) + (uint)(seed >> 32);
        h *= 0x846CA68B;
        return h ^ (h >> 16);
    }
}
