namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// For each row of x [N, C]: z = (x - max) min(1/T, largest float32), y = ln Σ e^z - Σ z e^z / Σ e^z, where entries with e^z = 0 add nothing. T and y are float32 [N].
        /// </summary>
        public abstract void SoftmaxEntropy(Tensor x, Tensor temperature, Tensor y);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Entropy of softmax.</content>
    public static partial class Op
    {
        /// <summary>
        /// How undecided a choice by softmax(x / T) is: -Σ p ln p of each row, in nats, from 0 (one entry has everything) to ln C. Entries of -∞ are out of the question;
        /// T = 0 gives the limit, the logarithm of the number of largest entries. NaN where a row has a NaN or +∞, or -∞ alone. For reports: it has no gradient.
        /// </summary>
        /// <param name="x">[N, C], C from 1.</param>
        /// <param name="temperature">float32 [N], from 0.</param>
        /// <returns>float32 [N]</returns>
        /// <exception cref="ShapeException">Shapes or types differ from these.</exception>
        public static Tensor SoftmaxEntropy(Tensor x, Tensor temperature)
        {
            RequireFloat("SoftmaxEntropy", x);
            if (x.Shape.Rank != 2 || x.Shape[1] == 0) throw new ShapeException($"SoftmaxEntropy: expected scores [N, C] with C from 1, got {x}");
            if (temperature.DType != DType.Float32 || temperature.Shape.Rank != 1 || temperature.Shape[0] != x.Shape[0])
                throw new ShapeException($"SoftmaxEntropy: expected float32 temperatures [{x.Shape[0]}], one for each row of {x}, got {temperature}");
            var y = Tensor.Empty([x.Shape[0]], engine: x.Engine);
            x.Engine.SoftmaxEntropy(x, temperature, y);
            return y;
        }
    }
}
