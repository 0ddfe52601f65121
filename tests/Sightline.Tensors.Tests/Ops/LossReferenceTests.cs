using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Tensors.Tests.Golden;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>Every case of the losses' fixtures: values and gradients, with the tolerances of their READMEs.</summary>
[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class LossReferenceTests : TensorTest
{
    public static TheoryData<string> Cases(string op, string area) => OpFixture.Names(op, area);

    public static TheoryData<string, string> Elementwise() => All("losses", "giou_loss", "diou_loss", "ciou_loss");

    public static TheoryData<string, string> Pairwise() => All("geometry", "box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou");

    [Theory]
    [MemberData(nameof(Cases), "cross_entropy", "ops")]
    public void CrossEntropy(string name)
    {
        var fixture = OpFixture.Load("cross_entropy")[name];
        var (x, targets, weight) = (fixture.Input("x"), fixture.Input("target"), fixture.OptionalInput("weight"));
        fixture.Run(
            new Dictionary<string, Tensor?> { ["x"] = x },
            () => Op.CrossEntropy(x, targets, fixture.Int("ignore_index"), weight, fixture.Float("label_smoothing"), ReductionOf(fixture)));
    }

    [Theory]
    [MemberData(nameof(Cases), "bce_with_logits", "ops")]
    public void BceWithLogits(string name)
    {
        var fixture = OpFixture.Load("bce_with_logits")[name];
        var (x, target) = (fixture.Input("x"), fixture.Input("target"));
        fixture.Run(new Dictionary<string, Tensor?> { ["x"] = x }, () => Op.BceWithLogits(x, target, reduction: ReductionOf(fixture)));
    }

    [Theory]
    [MemberData(nameof(Cases), "log_softmax_gather", "ops")]
    public void LogSoftmaxGather(string name)
    {
        var fixture = OpFixture.Load("log_softmax_gather")[name];
        var (x, ids) = (fixture.Input("x"), fixture.Input("ids"));
        using var tape = Tape.Record();
        fixture.CheckOutput(Op.LogSoftmax(x.Detach()), "logp");
        var picked = Op.LogSoftmaxGather(x, ids);
        fixture.CheckOutput(picked, "picked");
        tape.Backward(picked, fixture.Upstream("picked"));
        fixture.CheckGrad(x, "x");
    }

    [Theory]
    [MemberData(nameof(Cases), "topk", "ops")]
    public void TopK(string name)
    {
        var fixture = OpFixture.Load("topk")[name];
        var x = fixture.Input("x");
        using var tape = Tape.Record();
        var (values, indices) = Op.TopK(x, fixture.Int("k"));
        fixture.CheckOutput(values, "values", 0, 0);
        fixture.CheckOutput(indices, "indices");
        tape.Backward(values, fixture.Upstream("values"));
        fixture.CheckGrad(x, "x", 0, 0);
    }

    [Theory]
    [MemberData(nameof(Cases), "sigmoid_focal_loss", "losses")]
    public void SigmoidFocal(string name)
    {
        var fixture = OpFixture.Load("sigmoid_focal_loss", "losses")[name];
        var (x, target) = (fixture.Input("x"), fixture.Input("target"));
        Run(fixture, ["x"], [x], () => Op.SigmoidFocal(x, target, fixture.Float("alpha"), fixture.Float("gamma"), ReductionOf(fixture)));
    }

    [Theory]
    [MemberData(nameof(Elementwise))]
    public void Box_losses(string op, string name)
    {
        var fixture = OpFixture.Load(op, "losses")[name];
        var (pred, target) = (fixture.Input("pred"), fixture.Input("target"));
        var kind = op switch { "giou_loss" => BoxIouKind.Giou, "diou_loss" => BoxIouKind.Diou, _ => BoxIouKind.Ciou };
        Run(fixture, ["pred", "target"], [pred, target], () => Op.BoxIouLoss(kind, pred, target, ReductionOf(fixture)));
    }

    [Theory]
    [MemberData(nameof(Pairwise))]
    public void Box_matrices(string op, string name)
    {
        var fixture = OpFixture.Load(op, "geometry")[name];
        var (a, b) = (fixture.Input("boxes1"), fixture.Input("boxes2"));
        var kind = op switch { "box_iou" => BoxIouKind.Iou, "generalized_box_iou" => BoxIouKind.Giou, "distance_box_iou" => BoxIouKind.Diou, _ => BoxIouKind.Ciou };
        Run(fixture, ["boxes1", "boxes2"], [a, b], () => Op.PairwiseBoxIou(kind, a, b));
    }

    [Theory]
    [MemberData(nameof(Cases), "l1_boxes", "geometry")]
    public void L1_and_box_frames(string name)
    {
        var fixture = OpFixture.Load("l1_boxes", "geometry")[name];
        var (pred, target) = (fixture.Input("pred"), fixture.Input("target"));
        using var tape = Tape.Record();
        var outputs = new (string Name, Tensor Value)[]
        {
            ("l1", Op.Scale(Op.L1(pred, target, Reduction.Sum), 1 / fixture.Float("num_boxes"))),
            ("smooth_l1", Op.SmoothL1(pred, target, fixture.Float("beta"))),
            ("pred_xyxy", Op.CenterToCorners(pred)),
            ("roundtrip", Op.CornersToCenter(Op.CenterToCorners(target))),
        };
        var total = Tensor.Scalar(0);
        foreach (var (output, value) in outputs)
        {
            fixture.CheckOutput(value, output, rtol: 1e-5);
            total = Op.Add(total, Op.Sum(Op.Mul(value, fixture.Upstream(output))));
        }

        tape.Backward(total);
        fixture.CheckGrad(pred, "pred", rtol: 1e-4);
        fixture.CheckGrad(target, "target", rtol: 1e-4);
    }

    private static TheoryData<string, string> All(string area, params string[] ops)
    {
        var data = new TheoryData<string, string>();
        foreach (var op in ops)
        {
            foreach (var row in OpFixture.Names(op, area)) data.Add(op, row.Data);
        }

        return data;
    }

    private static void Run(OpCase fixture, string[] names, Tensor[] inputs, Func<Tensor> operation)
    {
        using var tape = Tape.Record();
        var y = operation();
        fixture.CheckOutput(y, rtol: 1e-5);
        tape.Backward(y, fixture.Upstream());
        for (var i = 0; i < names.Length; i++) fixture.CheckGrad(inputs[i], names[i], rtol: 1e-4);
    }

    private static Reduction ReductionOf(OpCase fixture) => fixture.Text("reduction") switch
    {
        "mean" => Reduction.Mean,
        "sum" => Reduction.Sum,
        _ => Reduction.None,
    };
}
