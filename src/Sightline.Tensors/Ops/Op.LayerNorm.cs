using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// Each row of the last axis: (x - mean) r w + b with r = 1 / √(variance + eps); uncentered: x r w with r = 1 / √(mean(x²) + eps).
        /// w and b may be null. <paramref name="stats"/> [rows, 2] float32 receives mean (0 if uncentered) and r.
        /// </summary>
        public abstract void LayerNorm(Tensor x, Tensor? w, Tensor? b, Tensor y, Tensor stats, float eps, bool centered);

        /// <summary>Gradients of <see cref="LayerNorm"/>; those that are null are not wanted.</summary>
        public abstract void LayerNormBackward(Tensor x, Tensor? w, Tensor stats, Tensor dy, Tensor? dx, Tensor? dw, Tensor? db, bool centered);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Normalisation over the last axis.</content>
    public static partial class Op
    {
        /// <summary>Layer normalisation (Ba, Kiros, Hinton 2016) over the last axis; the variance is that of the population.</summary>
        /// <param name="x">[..., C]</param>
        /// <param name="w">[C] or null for 1.</param>
        /// <param name="b">[C] or null for 0.</param>
        /// <param name="eps">Added to the variance.</param>
        public static Tensor LayerNorm(Tensor x, Tensor? w, Tensor? b, float eps = 1e-5f) => LastAxisNorm("LayerNorm", x, w, b, eps, centered: true);

        /// <summary>Root mean square normalisation (Zhang and Sennrich 2019): x w / √(mean(x²) + eps) over the last axis.</summary>
        public static Tensor RmsNorm(Tensor x, Tensor? w, float eps = 1e-6f) => LastAxisNorm("RmsNorm", x, w, null, eps, centered: false);

        private static Tensor LastAxisNorm(string op, Tensor x, Tensor? w, Tensor? b, float eps, bool centered)
        {
            RequireFloat(op, x);
            RequireVector(op, w, x.Shape.Columns);
            RequireVector(op, b, x.Shape.Columns);
            var y = Tensor.Empty(x.Shape, x.DType, x.Engine);
            var stats = Tensor.Empty([x.Shape.Rows, 2], DType.Float32, x.Engine);
            x.Engine.LayerNorm(x, w, b, y, stats, eps, centered);
            if (Tape.Wants(x, w, b)) return Tape.Add(new LayerNormNode(x, w, b, stats, centered), y);
            stats.Dispose();
            return y;
        }

        private static void RequireVector(string op, Tensor? vector, int size)
        {
            if (vector is not null && (vector.Shape.Rank != 1 || vector.Shape[0] != size || !vector.DType.IsFloat()))
                throw new ShapeException($"{op}: weight and bias must be float [{size}], got {vector}");
        }

        /// <summary>A new buffer for the gradient of a parameter that wants one.</summary>
        private static Tensor? EmptyGrad(Tensor? parameter) =>
            parameter is { RequiresGrad: true } ? Tensor.Empty(parameter.Shape, parameter.DType, parameter.Engine) : null;

        private static void AccumulateIf(Tensor? target, Tensor? gradient)
        {
            if (gradient is not null) Tape.Accumulate(target!, gradient);
        }

        private sealed class LayerNormNode(Tensor x, Tensor? w, Tensor? b, Tensor stats, bool centered) : TapeNode
        {
            internal override void Backward()
            {
                var (dx, dw, db) = (EmptyGrad(x), EmptyGrad(w), EmptyGrad(b));
                x.Engine.LayerNormBackward(x, w, stats, OutputGrad, dx, dw, db, centered);
                AccumulateIf(x, dx);
                AccumulateIf(w, dw);
                AccumulateIf(b, db);
            }
        }
    }
}
