using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// y[i] = 0 with probability p, else x[i] / (1 - p). Element i is decided by a 32-bit hash of the number i and the seed alone, so that the mask need not
        /// be kept.
        /// </summary>
        public abstract void Dropout(Tensor x, Tensor y, float p, ulong seed);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Dropout.</content>
    public static partial class Op
    {
        /// <summary>
        /// Inverted dropout (Srivastava et al. 2014): while training, each element is zero with probability p, else divided by 1 - p. Draws one number from
        /// the stream; the backward pass makes the same mask again.
        /// </summary>
        /// <param name="x">Any shape.</param>
        /// <param name="p">In [0, 1).</param>
        /// <param name="random">Where the mask comes from.</param>
        /// <param name="training">False: x as it is.</param>
        public static Tensor Dropout(Tensor x, float p, RandomStream random, bool training)
        {
            if (p is not (>= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(p), p, "dropout probability must be in [0, 1)");
            if (!training || p == 0) return x;
            RequireFloat("Dropout", x);
            var seed = random.NextUInt64();
            var y = Tensor.Empty(x.Shape, x.DType, x.Engine);
            x.Engine.Dropout(x, y, p, seed);
            return Tape.Wants(x) ? Tape.Add(new DropoutNode(x, p, seed), y) : y;
        }

        private sealed class DropoutNode(Tensor x, float p, ulong seed) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.Dropout(OutputGrad, dx, p, seed);
                Tape.Accumulate(x, dx);
            }
        }
    }
}
