using Sightline.Tensors.LibTorch.Native;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.LibTorch;

/// <content>Elementwise kernels: one ATen operator each where there is one, in float32 for the 16-bit types.</content>
public sealed unsafe partial class LibTorchEngine
{
    private const double QuickFactor = 1.702; // of CLIP's GELU

    /// <inheritdoc/>
    public override void Unary(UnaryKind kind, Tensor x, Tensor y, float a = 0, float b = 0)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        work.Write(y, Function(work, kind, work.Wide(x), a, b));
    }

    /// <inheritdoc/>
    public override void UnaryBackward(UnaryKind kind, Tensor saved, Tensor dy, Tensor dx, float a = 0, float b = 0)
    {
        if (dx.Count == 0) return;
        using var work = Work.On(this);
        work.Write(dx, Gradient(work, kind, work.Wide(saved), work.Wide(dy), a, b));
    }

    /// <inheritdoc/>
    public override void Binary(BinaryKind kind, Tensor a, Tensor b, Tensor y)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        var (p, q) = (work.Of(a), work.Of(b));
        if (a.DType != b.DType) (p, q) = (p.As(DType.Float32), q.As(DType.Float32));
        work.Write(y, kind switch
        {
            BinaryKind.Add => p + q,
            BinaryKind.Sub => p - q,
            BinaryKind.Mul => p * q,
            BinaryKind.Div => p / q,
            BinaryKind.Minimum => p.Minimum(q),
            BinaryKind.Maximum => p.Maximum(q),
            _ => p.Less(q).Choose(1, p.Equal(q).Choose(0.5, work.Constant(0))),
        });
    }

    /// <inheritdoc/>
    public override void Select(Tensor mask, Tensor a, Tensor b, Tensor y)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        work.Write(y, work.Of(mask).Choose(work.Of(a), work.Of(b)));
    }

    /// <summary>
    /// The processor's mask: the 32-bit hash of element number and seed in wrapping int32 arithmetic. Shifts of negative numbers bring in ones, which
    /// are masked away; the comparison is unsigned after flipping the sign bits.
    /// </summary>
    public override void Dropout(Tensor x, Tensor y, float p, ulong seed)
    {
        if (x.Count == 0) return;
        using var work = Work.On(this);
        Value Whole(uint number) => work.Constant(unchecked((int)number), DType.Int32);
        Value Shifted(Value h, int bits) => work.Call("aten::bitwise_right_shift"u8, "Tensor"u8, h, Whole((uint)bits)) & Whole(uint.MaxValue >> bits);
        var steps = work.Full(1, DType.Int32, x.Count);
        work.CopyInto(steps.Narrow(0, 0, 1), Whole(0));
        var number = work.Call("aten::cumsum"u8, ""u8, steps, 0, work.Some(work.Number(DType.Int32))); // 0, 1, 2, ...
        var h = (number * Whole(0x9E3779B1)) ^ Whole((uint)seed);
        h = (h ^ Shifted(h, 16)) * Whole(0x7FEB352D);
        h = work.AddWhole(h ^ Shifted(h, 15), Whole((uint)(seed >> 32)), DType.Int32);
        h *= Whole(0x846CA68B);
        h ^= Shifted(h, 16);
        var isDropped = (h ^ Whole(0x80000000)).Less(Whole((uint)(p * 4294967296.0) ^ 0x80000000));
        work.Write(y, isDropped.Choose(0, work.Wide(x, x.Count) * (double)(1f / (1f - p))));
    }

    private static Value Function(Work work, UnaryKind kind, Value x, float a, float b) => kind switch
    {
        UnaryKind.Neg => -x,
        UnaryKind.Exp => x.Exp(),
        UnaryKind.Log => x.Log(),
        UnaryKind.Sqrt => x.Sqrt(),
        UnaryKind.Square => x * x,
        UnaryKind.Abs => x.Abs(),
        UnaryKind.Relu => x.Relu(),
        UnaryKind.Sigmoid => x.Sigmoid(),
        UnaryKind.Tanh => x.Tanh(),
        UnaryKind.GeluErf => work.Call("aten::gelu"u8, ""u8, x, work.Text("none"u8)),
        UnaryKind.GeluTanh => work.Call("aten::gelu"u8, ""u8, x, work.Text("tanh"u8)),
        UnaryKind.QuickGelu => x * (x * QuickFactor).Sigmoid(),
        UnaryKind.Silu => work.Call("aten::silu"u8, ""u8, x),
        UnaryKind.Softplus => Softplus(x),
        UnaryKind.LogSigmoid => work.Call2("aten::log_sigmoid_forward"u8, ""u8, x).First,
        UnaryKind.Logit => work.Call("aten::logit"u8, ""u8, x, work.Some((double)a)),
        UnaryKind.Clamp => x.Maximum(a).Minimum(b),
        UnaryKind.Scale => x * (double)a,
        _ => x + (double)a,
    };

    private static Value Gradient(Work work, UnaryKind kind, Value s, Value g, float a, float b) => kind switch
    {
        UnaryKind.Neg => -g,
        UnaryKind.Exp => g * s,
        UnaryKind.Log => g / s,
        UnaryKind.Sqrt => g * 0.5 / s,
        UnaryKind.Square => g * 2 * s,
        UnaryKind.Abs => g * s.Sign(),
        UnaryKind.Relu => s.Greater(0).Choose(g, 0),
        UnaryKind.Sigmoid => work.Call("aten::sigmoid_backward"u8, ""u8, g, s),
        UnaryKind.Tanh => work.Call("aten::tanh_backward"u8, ""u8, g, s),
        UnaryKind.GeluErf => work.Call("aten::gelu_backward"u8, ""u8, g, s, work.Text("none"u8)),
        UnaryKind.GeluTanh => work.Call("aten::gelu_backward"u8, ""u8, g, s, work.Text("tanh"u8)),
        UnaryKind.QuickGelu => (s * QuickFactor).Sigmoid() is var p ? g * p * (1 + (s * QuickFactor * (1 - p))) : default,
        UnaryKind.Silu => work.Call("aten::silu_backward"u8, ""u8, g, s),
        UnaryKind.Softplus => g * s.Sigmoid(),
        UnaryKind.LogSigmoid => g * (-s).Sigmoid(),
        UnaryKind.Logit => work.Call("aten::logit_backward"u8, ""u8, g, s, work.Some((double)a)),
        UnaryKind.Clamp => s.Less(a).Or(s.Greater(b)).Choose(0, g),
        UnaryKind.Scale => g * (double)a,
        _ => g,
    };

    /// <summary>max(x, 0) + ln(1 + e^-|x|).</summary>
    private static Value Softplus(Value x) => x.Maximum(0) + (-x.Abs()).Exp().Log1p();
}
