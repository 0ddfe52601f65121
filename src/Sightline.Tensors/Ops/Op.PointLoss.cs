using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>y = loss(x, t) elementwise; see <see cref="PointLossKind"/> for the parameters.</summary>
        public abstract void PointLoss(PointLossKind kind, Tensor x, Tensor target, Tensor y, float a, float b);

        /// <summary>y = d loss(x, t) / d x elementwise.</summary>
        public abstract void PointLossSlope(PointLossKind kind, Tensor x, Tensor target, Tensor y, float a, float b);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>
    /// Losses of predictions against targets of the same shape, element by element. The classification losses take logits and give no gradient to the target;
    /// L1, smooth L1 and squared error give it to both. The mean of nothing is NaN.
    /// </content>
    public static partial class Op
    {
        /// <summary>Binary cross entropy of logits: max(x, 0) - x t + ln(1 + e^-|x|).</summary>
        /// <param name="x">Logits.</param>
        /// <param name="target">In [0, 1], the same shape.</param>
        /// <param name="weight">Factor of each element, broadcasts to x; the mean still divides by the number of elements.</param>
        /// <param name="reduction">None gives the shape of x.</param>
        public static Tensor BceWithLogits(Tensor x, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
            PointLoss("BceWithLogits", PointLossKind.Bce, x, target, weight, reduction, 0, 0);

        /// <summary>
        /// Sigmoid focal loss (Lin et al. 2017, in torchvision's form): α_t (1 - p_t)^γ BCE with p_t = p t + (1 - p)(1 - t). A negative alpha switches α_t off.
        /// </summary>
        public static Tensor SigmoidFocal(Tensor x, Tensor target, float alpha = 0.25f, float gamma = 2f, Reduction reduction = Reduction.None, Tensor? weight = null) =>
            PointLoss("SigmoidFocal", PointLossKind.Focal, x, target, weight, reduction, alpha, gamma);

        /// <summary>Quality focal loss (Li et al. 2020, generalized focal loss): |p - t|^β BCE; the target is a quality in [0, 1].</summary>
        public static Tensor QualityFocal(Tensor x, Tensor target, float beta = 2f, Reduction reduction = Reduction.None, Tensor? weight = null) =>
            PointLoss("QualityFocal", PointLossKind.QualityFocal, x, target, weight, reduction, 0, beta);

        /// <summary>Varifocal loss (Zhang et al. 2021): t BCE where t &gt; 0, α p^γ BCE elsewhere.</summary>
        public static Tensor Varifocal(Tensor x, Tensor target, float alpha = 0.75f, float gamma = 2f, Reduction reduction = Reduction.None, Tensor? weight = null) =>
            PointLoss("Varifocal", PointLossKind.Varifocal, x, target, weight, reduction, alpha, gamma);

        /// <summary>|x - t|; gradient 0 where equal.</summary>
        public static Tensor L1(Tensor x, Tensor target, Reduction reduction = Reduction.Mean, Tensor? weight = null) =>
            PointLoss("L1", PointLossKind.L1, x, target, weight, reduction, 0, 0);

        /// <summary>(x - t)² / 2β where |x - t| &lt; β, else |x - t| - β / 2.</summary>
        public static Tensor SmoothL1(Tensor x, Tensor target, float beta = 1f, Reduction reduction = Reduction.Mean, Tensor? weight = null) =>
            PointLoss("SmoothL1", PointLossKind.SmoothL1, x, target, weight, reduction, beta, 0);

        /// <summary>(x - t)².</summary>
        public static Tensor SquaredError(Tensor x, Tensor target, Reduction reduction = Reduction.Mean, Tensor? weight = null) =>
            PointLoss("SquaredError", PointLossKind.SquaredError, x, target, weight, reduction, 0, 0);

        private static Tensor PointLoss(string op, PointLossKind kind, Tensor x, Tensor target, Tensor? weight, Reduction reduction, float a, float b)
        {
            RequireFloat(op, x);
            RequireFloat(op, target);
            if (x.Shape != target.Shape) throw new ShapeException($"{op}: the prediction {x} and the target {target} differ in shape");
            var y = Tensor.Empty(x.Shape, x.DType, x.Engine);
            x.Engine.PointLoss(kind, x, target, y, a, b);
            if (Tape.Wants(x, target)) Tape.Add(new PointLossNode(kind, x, target, a, b), y);
            if (weight is not null) y = Mul(y, weight);
            return Reduce(y, reduction);
        }

        private static Tensor Reduce(Tensor losses, Reduction reduction) => reduction switch
        {
            Reduction.None => losses,
            Reduction.Sum => Sum(losses),
            _ => Mean(losses),
        };

        private sealed class PointLossNode(PointLossKind kind, Tensor x, Tensor target, float a, float b) : TapeNode
        {
            internal override void Backward()
            {
                var slope = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.PointLossSlope(kind, x, target, slope, a, b);
                x.Engine.Binary(BinaryKind.Mul, slope, OutputGrad, slope);
                if (target.RequiresGrad && kind is PointLossKind.L1 or PointLossKind.SmoothL1 or PointLossKind.SquaredError)
                {
                    var negative = Tensor.Empty(target.Shape, target.DType, target.Engine);
                    x.Engine.Unary(UnaryKind.Neg, slope, negative);
                    Tape.Accumulate(target, negative);
                }

                Tape.Accumulate(x, slope);
            }
        }
    }
}
