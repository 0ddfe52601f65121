using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// For each row of logits x [N, C]: loss = (1 - s) w_t (lse - x_t) + s / C Σ_c w_c (lse - x_c) with lse = ln Σ e^x; 0 for a row whose target is
        /// <paramref name="ignore"/>. Also lse and w_t (0 where ignored), all [N] float32.
        /// </summary>
        public abstract void CrossEntropy(Tensor x, Tensor targets, Tensor? classWeight, Tensor loss, Tensor lse, Tensor rowWeight, long ignore, float smoothing);

        /// <summary>dx of <see cref="CrossEntropy"/>, row i scaled by <paramref name="scale"/>[i] (or [0] where it has one element).</summary>
        public abstract void CrossEntropyBackward(Tensor x, Tensor targets, Tensor? classWeight, Tensor lse, Tensor scale, Tensor dx, long ignore, float smoothing);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <summary>How the losses of single elements become one number.</summary>
    public enum Reduction : byte
    {
        /// <summary>They stay as they are.</summary>
        None,

        /// <summary>Their mean.</summary>
        Mean,

        /// <summary>Their sum.</summary>
        Sum,
    }

    /// <content>Cross entropy and log-probabilities of given classes.</content>
    public static partial class Op
    {
        /// <summary>
        /// Softmax cross entropy with class ids, as torch.nn.functional.cross_entropy: the mean divides by the sum of the weights of the targets that
        /// count (NaN when none does).
        /// </summary>
        /// <param name="logits">[N, C]</param>
        /// <param name="targets">int64 [N]</param>
        /// <param name="ignoreIndex">Rows with this target have no loss and no gradient.</param>
        /// <param name="classWeight">float [C] or null for 1.</param>
        /// <param name="labelSmoothing">In [0, 1]: the share spread evenly over all classes.</param>
        /// <param name="reduction">None gives [N].</param>
        /// <exception cref="ShapeException">Shapes differ, or a target is neither a class nor ignored.</exception>
        public static Tensor CrossEntropy(Tensor logits, Tensor targets, long ignoreIndex = -100, Tensor? classWeight = null, float labelSmoothing = 0, Reduction reduction = Reduction.Mean)
        {
            RequireFloat("CrossEntropy", logits);
            RequireIds("CrossEntropy", targets);
            if (logits.Shape.Rank != 2 || targets.Shape.Rank != 1 || targets.Shape[0] != logits.Shape[0])
                throw new ShapeException($"CrossEntropy: expected logits [N, C] and targets [N], got {logits} and {targets}");
            RequireVector("CrossEntropy", classWeight, logits.Shape[1]);
            var engine = logits.Engine;
            Shape rows = [logits.Shape[0]];
            var (loss, lse, weight) = (Tensor.Empty(rows, engine: engine), Tensor.Empty(rows, engine: engine), Tensor.Empty(rows, engine: engine));
            engine.CrossEntropy(logits, targets, classWeight, loss, lse, weight, ignoreIndex, labelSmoothing);
            Tensor? divisor = null;
            var y = loss;
            if (reduction != Reduction.None)
            {
                y = Tensor.Empty([], engine: engine);
                engine.SumMiddle(loss, y, 1, loss.Count, 1, 1f);
                if (reduction == Reduction.Mean)
                {
                    divisor = Tensor.Empty([], engine: engine);
                    engine.SumMiddle(weight, divisor, 1, weight.Count, 1, 1f);
                    engine.Binary(BinaryKind.Div, y, divisor, y);
                }
            }

            return Tape.Wants(logits) ? Tape.Add(new CrossEntropyNode(logits, targets, classWeight, lse, divisor, ignoreIndex, labelSmoothing), y) : y;
        }

        /// <summary>Log-probability of one class a row: log_softmax(x)[..., ids[...]], without the full table.</summary>
        /// <param name="x">[..., V]</param>
        /// <param name="ids">int64 [...]</param>
        public static Tensor LogSoftmaxGather(Tensor x, Tensor ids)
        {
            var rows = Reshape(x, x.Shape.Rows, x.Shape.Columns);
            var loss = CrossEntropy(rows, ids.View([x.Shape.Rows]), ignoreIndex: long.MinValue, reduction: Reduction.None);
            return Reshape(Neg(loss), ids.Shape.ToArray());
        }

        private sealed class CrossEntropyNode(Tensor logits, Tensor targets, Tensor? classWeight, Tensor lse, Tensor? divisor, long ignore, float smoothing) : TapeNode
        {
            internal override void Backward()
            {
                var scale = OutputGrad;
                if (divisor is not null) scale = Apply(BinaryKind.Div, scale, divisor);
                var dx = Tensor.Empty(logits.Shape, logits.DType, logits.Engine);
                logits.Engine.CrossEntropyBackward(logits, targets, classWeight, lse, scale, dx, ignore, smoothing);
                Tape.Accumulate(logits, dx);
            }
        }
    }
}
