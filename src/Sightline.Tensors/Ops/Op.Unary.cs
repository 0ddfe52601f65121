using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>y = f(x) elementwise; see <see cref="UnaryKind"/> for what <paramref name="a"/> and <paramref name="b"/> mean.</summary>
        public abstract void Unary(UnaryKind kind, Tensor x, Tensor y, float a = 0, float b = 0);

        /// <summary>
        /// dx = dy f'. <paramref name="saved"/> is the result for Exp, Sqrt, Relu, Sigmoid and Tanh, the input for the others
        /// (<see cref="Op.SavesResult"/>).
        /// </summary>
        public abstract void UnaryBackward(UnaryKind kind, Tensor saved, Tensor dy, Tensor dx, float a = 0, float b = 0);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Functions of one number, elementwise. Any float type; computed in float32 and rounded once.</content>
    public static partial class Op
    {
        /// <summary>-x.</summary>
        public static Tensor Neg(Tensor x) => Unary(UnaryKind.Neg, x);

        /// <summary>e^x.</summary>
        public static Tensor Exp(Tensor x) => Unary(UnaryKind.Exp, x);

        /// <summary>ln x; -inf at 0, NaN below.</summary>
        public static Tensor Log(Tensor x) => Unary(UnaryKind.Log, x);

        /// <summary>√x. The gradient at 0 is infinite.</summary>
        public static Tensor Sqrt(Tensor x) => Unary(UnaryKind.Sqrt, x);

        /// <summary>x².</summary>
        public static Tensor Square(Tensor x) => Unary(UnaryKind.Square, x);

        /// <summary>|x|; gradient 0 at 0.</summary>
        public static Tensor Abs(Tensor x) => Unary(UnaryKind.Abs, x);

        /// <summary>max(x, 0); gradient 0 at 0.</summary>
        public static Tensor Relu(Tensor x) => Unary(UnaryKind.Relu, x);

        /// <summary>1 / (1 + e^-x).</summary>
        public static Tensor Sigmoid(Tensor x) => Unary(UnaryKind.Sigmoid, x);

        /// <summary>tanh x.</summary>
        public static Tensor Tanh(Tensor x) => Unary(UnaryKind.Tanh, x);

        /// <summary>GELU in one of its three published forms.</summary>
        public static Tensor Gelu(Tensor x, GeluKind kind = GeluKind.Erf) => Unary(
            kind switch
            {
                GeluKind.Erf => UnaryKind.GeluErf,
                GeluKind.Tanh => UnaryKind.GeluTanh,
                _ => UnaryKind.QuickGelu,
            },
            x);

        /// <summary>x σ(x), also called swish.</summary>
        public static Tensor Silu(Tensor x) => Unary(UnaryKind.Silu, x);

        /// <summary>ln(1 + e^x), without overflow.</summary>
        public static Tensor Softplus(Tensor x) => Unary(UnaryKind.Softplus, x);

        /// <summary>ln σ(x), without overflow.</summary>
        public static Tensor LogSigmoid(Tensor x) => Unary(UnaryKind.LogSigmoid, x);

        /// <summary>ln(z / (1 - z)) with z = x held within [eps, 1 - eps]; gradient 0 outside.</summary>
        public static Tensor Logit(Tensor x, float eps = 1e-5f) => Unary(UnaryKind.Logit, x, eps);

        /// <summary>x held within [low, high]; gradient 1 inside (ends included), 0 outside.</summary>
        public static Tensor Clamp(Tensor x, float low = float.NegativeInfinity, float high = float.PositiveInfinity) =>
            Unary(UnaryKind.Clamp, x, low, high);

        /// <summary>factor · x.</summary>
        public static Tensor Scale(Tensor x, float factor) => Unary(UnaryKind.Scale, x, factor);

        /// <summary>x + term.</summary>
        public static Tensor AddScalar(Tensor x, float term) => Unary(UnaryKind.AddScalar, x, term);

        /// <summary>True where the gradient is computed from the result and not from the input.</summary>
        public static bool SavesResult(UnaryKind kind) =>
            kind is UnaryKind.Exp or UnaryKind.Sqrt or UnaryKind.Relu or UnaryKind.Sigmoid or UnaryKind.Tanh;

        private static Tensor Unary(UnaryKind kind, Tensor x, float a = 0, float b = 0)
        {
            RequireFloat(kind.ToString(), x);
            var y = Tensor.Empty(x.Shape, x.DType, x.Engine);
            x.Engine.Unary(kind, x, y, a, b);
            return Tape.Wants(x) ? Tape.Add(new UnaryNode(kind, x, a, b), y) : y;
        }

        private static void RequireFloat(string op, Tensor x)
        {
            if (!x.DType.IsFloat()) throw new ShapeException($"{op}: expected a float tensor, got {x}");
        }

        private sealed class UnaryNode(UnaryKind kind, Tensor x, float a, float b) : TapeNode
        {
            internal override void Backward()
            {
                if (kind == UnaryKind.AddScalar)
                {
                    Tape.AccumulateShared(x, OutputGrad);
                    return;
                }

                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.UnaryBackward(kind, SavesResult(kind) ? Output : x, OutputGrad, dx, a, b);
                Tape.Accumulate(x, dx);
            }
        }
    }
}
