using Sightline.Tensors.Autograd;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// y = quantize(x) dequantize(W)^T + b. Each row of x is quantized to -127..127 in groups of
        /// <see cref="QuantizedWeight.ActivationGroup"/> inputs (scale = max / 127, nearest even); products are summed exactly in
        /// int32 within a group, and groups in float32 in ascending order by fused multiply-add, so that the result is the same on
        /// every instruction set and number of threads.
        /// </summary>
        public abstract void QuantizedLinear(Tensor x, QuantizedWeight weight, Tensor? bias, Tensor y);

        /// <summary>
        /// dx = dy dequantize(W) + beta dx, in float32. Where weights have a scale for each output channel (int8), an engine may round dy times those scales, in groups of 128
        /// channels, by at most 1 / 64,516 of the group's largest magnitude (two parts of eight bits: 127 · 254 steps, halved).
        /// </summary>
        public abstract void QuantizedLinearBackward(Tensor dy, QuantizedWeight weight, Tensor dx, float beta);
    }
}

namespace Sightline.Tensors.Ops
{
    public static partial class Op
    {
        /// <summary>
        /// A linear layer with a frozen quantized weight: y = x W^T + b, the activations quantized on the fly. The gradient to
        /// x is that of the dequantized weight (the rounding of x counts as identity); weight and bias get none.
        /// </summary>
        /// <param name="x">float32, bfloat16 or float16, [..., input].</param>
        /// <param name="weight">[output, input].</param>
        /// <param name="bias">float32 [output], or null.</param>
        /// <returns>[..., output], of the type of <paramref name="x"/>.</returns>
        /// <exception cref="ShapeException">The sizes or types do not fit.</exception>
        public static Tensor QuantizedLinear(Tensor x, QuantizedWeight weight, Tensor? bias = null)
        {
            if (x.Shape.Rank == 0 || x.Shape.Columns != weight.InputSize || !x.DType.IsFloat())
                throw new ShapeException($"QuantizedLinear: x {x} does not fit the {weight}: its last axis must have {weight.InputSize} floats");
            if (bias is not null && (bias.Shape != new Shape(weight.OutputSize) || bias.DType != DType.Float32))
                throw new ShapeException($"QuantizedLinear: the bias {bias} must be Float32 [{weight.OutputSize}]");
            var y = Tensor.Empty(x.Shape.WithLast(weight.OutputSize), x.DType, x.Engine); // [..., output]
            x.Engine.QuantizedLinear(x, weight, bias, y);
            return Tape.Wants(x) ? Tape.Add(new QuantizedLinearNode(x, weight), y) : y;
        }

        private sealed class QuantizedLinearNode(Tensor x, QuantizedWeight weight) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tape.GradBuffer(x, out var beta);
                x.Engine.QuantizedLinearBackward(OutputGrad, weight, dx, beta);
                Tape.Accumulate(x, dx);
            }
        }
    }
}
