using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>Each row of the last axis divided by max(‖row‖, eps); <paramref name="norms"/> [rows] float32 receives the divisor, negated where eps was taken.</summary>
        public abstract void L2Normalize(Tensor x, Tensor y, Tensor norms, float eps);

        /// <summary>dx = (dy - y (dy · y)) / ‖x‖, or dy / eps where eps was taken.</summary>
        public abstract void L2NormalizeBackward(Tensor y, Tensor norms, Tensor dy, Tensor dx);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Unit length.</content>
    public static partial class Op
    {
        /// <summary>x / max(‖x‖, eps) over the last axis. eps = 0 is the plain form, which gives NaN for a zero row.</summary>
        /// <param name="x">[..., C]</param>
        /// <param name="eps">Smallest divisor.</param>
        public static Tensor L2Normalize(Tensor x, float eps = 1e-12f)
        {
            RequireFloat("L2Normalize", x);
            var y = Tensor.Empty(x.Shape, x.DType, x.Engine);
            var norms = Tensor.Empty([x.Shape.Rows], DType.Float32, x.Engine);
            x.Engine.L2Normalize(x, y, norms, eps);
            if (Tape.Wants(x)) return Tape.Add(new L2NormalizeNode(x, norms), y);
            norms.Dispose();
            return y;
        }

        private sealed class L2NormalizeNode(Tensor x, Tensor norms) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.L2NormalizeBackward(Output, norms, OutputGrad, dx);
                Tape.Accumulate(x, dx);
            }
        }
    }
}
