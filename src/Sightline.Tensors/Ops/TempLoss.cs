namespace Sightline.Tensors.Ops;
public enum Reduction { None, Sum, Mean }
public static partial class Op
{
    public static Tensor BceWithLogits(Tensor x, Tensor t, Tensor? weight = null, Reduction reduction = Reduction.Mean)
    {
        var l = Sub(Softplus(x), Mul(x, t));
        if (weight is not null) l = Mul(l, weight);
        return reduction == Reduction.Sum ? Sum(l) : Mean(l);
    }
    public static Tensor GiouLoss(Tensor a, Tensor b)
    {
        var at = Transpose(a, 1, 0); var bt = Transpose(b, 1, 0);
        Tensor R(Tensor t, int i) => Reshape(Slice(t, 0, i, 1), -1);
        var (ax1, ay1, ax2, ay2) = (R(at, 0), R(at, 1), R(at, 2), R(at, 3)); var (bx1, by1, bx2, by2) = (R(bt, 0), R(bt, 1), R(bt, 2), R(bt, 3));
        var iw = Relu(Sub(Minimum(ax2, bx2), Maximum(ax1, bx1))); var ih = Relu(Sub(Minimum(ay2, by2), Maximum(ay1, by1)));
        var inter = Mul(iw, ih); var aa = Mul(Sub(ax2, ax1), Sub(ay2, ay1)); var ab = Mul(Sub(bx2, bx1), Sub(by2, by1));
        var union = AddScalar(Sub(Add(aa, ab), inter), 1e-7f);
        var c = AddScalar(Mul(Sub(Maximum(ax2, bx2), Minimum(ax1, bx1)), Sub(Maximum(ay2, by2), Minimum(ay1, by1))), 1e-7f);
        var giou = Sub(Div(inter, union), Div(Sub(c, union), c));
        return AddScalar(Neg(giou), 1f);
    }
}
