using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// Each row of the last axis: e^(x - max) / Σ, or its logarithm. <paramref name="mask"/> (bool, broadcasts to x) keeps where true; the
        /// rest count as -inf. A row without a kept entry gives zeros (-inf for the logarithm).
        /// </summary>
        public abstract void Softmax(Tensor x, Tensor? mask, Tensor y, bool log);

        /// <summary>dx = y (dy - Σ dy y), for the logarithm dx = dy - e^y Σ dy, row by row.</summary>
        public abstract void SoftmaxBackward(Tensor y, Tensor dy, Tensor dx, bool log);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Softmax and its logarithm over the last axis.</content>
    public static partial class Op
    {
        /// <summary>e^(x - max) / Σ e^(x - max) over the last axis.</summary>
        /// <param name="x">[..., C]</param>
        /// <param name="mask">bool, broadcasts to x; true = keep. A row in which nothing is kept gives zeros.</param>
        public static Tensor Softmax(Tensor x, Tensor? mask = null) => Softmax(x, mask, log: false);

        /// <summary>x - max - ln Σ e^(x - max) over the last axis; -inf where masked.</summary>
        public static Tensor LogSoftmax(Tensor x, Tensor? mask = null) => Softmax(x, mask, log: true);

        private static Tensor Softmax(Tensor x, Tensor? mask, bool log)
        {
            RequireFloat("Softmax", x);
            if (mask is not null && (mask.DType != DType.Bool || !Broadcast.Fits(mask.Shape, x.Shape)))
                throw new ShapeException($"Softmax: the mask {mask} must be bool and broadcast to {x}");
            var y = Tensor.Empty(x.Shape, x.DType, x.Engine);
            x.Engine.Softmax(x, mask, y, log);
            return Tape.Wants(x) ? Tape.Add(new SoftmaxNode(x, log), y) : y;
        }

        private sealed class SoftmaxNode(Tensor x, bool log) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.SoftmaxBackward(Output, OutputGrad, dx, log);
                Tape.Accumulate(x, dx);
            }
        }
    }
}
