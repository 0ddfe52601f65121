using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// Similarity of boxes xyxy: pairwise y [N, M] from a [N, 4], b [M, 4], or elementwise y [N]. Float32 in, computed in float64. The exact form adds
        /// eps to the diagonal of DIoU and to the aspect term only; the other form adds it to every divisor and counts touching boxes as apart.
        /// </summary>
        public abstract void BoxIou(BoxIouKind kind, Tensor a, Tensor b, Tensor y, bool pairwise, bool exact, float eps);

        /// <summary>Gradients of <see cref="BoxIou"/>; those that are null are not wanted.</summary>
        public abstract void BoxIouBackward(BoxIouKind kind, Tensor a, Tensor b, Tensor dy, Tensor? da, Tensor? db, bool pairwise, bool exact, float eps);

        /// <summary>Boxes [..., 4] from centre and size to corners, or back; with <paramref name="adjoint"/> the transpose of that linear map.</summary>
        public abstract void BoxCorners(Tensor x, Tensor y, bool toCorners, bool adjoint);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <summary>Intersection over union and its relatives.</summary>
    public enum BoxIouKind : byte
    {
        /// <summary>I / U.</summary>
        Iou,

        /// <summary>IoU - (C - U) / C with the enclosing box C (Rezatofighi et al. 2019).</summary>
        Giou,

        /// <summary>IoU - squared distance of centres / squared diagonal of the enclosing box (Zheng et al. 2020).</summary>
        Diou,

        /// <summary>DIoU - α v, v the difference of the aspect ratios' angles; no gradient flows through α (Zheng et al. 2020).</summary>
        Ciou,
    }

    /// <content>
    /// Boxes as rows of four float32 numbers. Where a minimum or maximum meets equal arguments, each takes half of the gradient, as in torch.
    /// </content>
    public static partial class Op
    {
        private const float BoxEps = 1e-7f;

        /// <summary>Similarity of the boxes of each row.</summary>
        /// <param name="kind">Which.</param>
        /// <param name="a">[N, 4] xyxy</param>
        /// <param name="b">[N, 4] xyxy</param>
        /// <param name="exact">False: the form inside torchvision's losses, with eps 1e-7 in every divisor; true: that of its matrices.</param>
        /// <returns>[N]</returns>
        public static Tensor BoxIou(BoxIouKind kind, Tensor a, Tensor b, bool exact = false)
        {
            RequireBoxes("BoxIou", a);
            RequireBoxes("BoxIou", b);
            if (a.Shape != b.Shape) throw new ShapeException($"BoxIou: {a} and {b} differ in shape");
            return BoxIou(kind, a, b, [a.Shape[0]], pairwise: false, exact);
        }

        /// <summary>Similarity of every box of a with every box of b, as torchvision.ops.box_iou and its relatives.</summary>
        /// <param name="kind">Which.</param>
        /// <param name="a">[N, 4] xyxy</param>
        /// <param name="b">[M, 4] xyxy</param>
        /// <returns>[N, M]</returns>
        public static Tensor PairwiseBoxIou(BoxIouKind kind, Tensor a, Tensor b)
        {
            RequireBoxes("PairwiseBoxIou", a);
            RequireBoxes("PairwiseBoxIou", b);
            return BoxIou(kind, a, b, [a.Shape[0], b.Shape[0]], pairwise: true, exact: true);
        }

        /// <summary>1 - similarity of each predicted box with its target. The mean of no boxes is 0, with zero gradients.</summary>
        /// <param name="kind">Which.</param>
        /// <param name="pred">[N, 4] xyxy</param>
        /// <param name="target">[N, 4] xyxy</param>
        /// <param name="reduction">None gives [N].</param>
        public static Tensor BoxIouLoss(BoxIouKind kind, Tensor pred, Tensor target, Reduction reduction = Reduction.None)
        {
            var loss = AddScalar(Neg(BoxIou(kind, pred, target)), 1f);
            return Reduce(loss, reduction == Reduction.Mean && loss.Count == 0 ? Reduction.Sum : reduction);
        }

        /// <summary>(cx, cy, w, h) to (x1, y1, x2, y2) over the last axis.</summary>
        public static Tensor CenterToCorners(Tensor boxes) => BoxCorners(boxes, toCorners: true);

        /// <summary>(x1, y1, x2, y2) to (cx, cy, w, h) over the last axis.</summary>
        public static Tensor CornersToCenter(Tensor boxes) => BoxCorners(boxes, toCorners: false);

        private static Tensor BoxIou(BoxIouKind kind, Tensor a, Tensor b, Shape shape, bool pairwise, bool exact)
        {
            var y = Tensor.Empty(shape, DType.Float32, a.Engine);
            a.Engine.BoxIou(kind, a, b, y, pairwise, exact, BoxEps);
            return Tape.Wants(a, b) ? Tape.Add(new BoxIouNode(kind, a, b, pairwise, exact), y) : y;
        }

        private static Tensor BoxCorners(Tensor boxes, bool toCorners)
        {
            if (boxes.DType != DType.Float32 || boxes.Shape.Rank == 0 || boxes.Shape[^1] != 4) throw new ShapeException($"box conversion: expected float32 [..., 4], got {boxes}");
            var y = Tensor.Empty(boxes.Shape, DType.Float32, boxes.Engine);
            boxes.Engine.BoxCorners(boxes, y, toCorners, adjoint: false);
            return Tape.Wants(boxes) ? Tape.Add(new BoxCornersNode(boxes, toCorners), y) : y;
        }

        private static void RequireBoxes(string op, Tensor boxes)
        {
            if (boxes.DType != DType.Float32 || boxes.Shape.Rank != 2 || boxes.Shape[1] != 4) throw new ShapeException($"{op}: expected float32 boxes [N, 4], got {boxes}");
        }

        private sealed class BoxIouNode(BoxIouKind kind, Tensor a, Tensor b, bool pairwise, bool exact) : TapeNode
        {
            internal override void Backward()
            {
                var (da, db) = (EmptyGrad(a), EmptyGrad(b));
                a.Engine.BoxIouBackward(kind, a, b, OutputGrad, da, db, pairwise, exact, BoxEps);
                AccumulateIf(a, da);
                AccumulateIf(b, db);
            }
        }

        private sealed class BoxCornersNode(Tensor boxes, bool toCorners) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(boxes.Shape, DType.Float32, boxes.Engine);
                boxes.Engine.BoxCorners(OutputGrad, dx, toCorners, adjoint: true);
                Tape.Accumulate(boxes, dx);
            }
        }
    }
}
