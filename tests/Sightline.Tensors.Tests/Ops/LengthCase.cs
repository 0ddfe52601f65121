using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>
/// An operation whose kernels run along an axis of n numbers. n = the length under test.
/// </summary>
/// <param name="Inputs">Makes the inputs at a length; those of float32 get gradients.</param>
/// <param name="Apply">The operation on them, on whatever engine they lie.</param>
/// <param name="Least">The least length that the operation takes.</param>
/// <param name="Tolerance">
/// Allowed difference, as a share of 1 + the largest number of the tensor. Float32 sums of 256 numbers of size 1 are off by up to 256 · 2⁻²⁴ = 1.5e-5; a norm of
/// two nearly equal numbers magnifies the rounding of their mean by 1/√eps = 316, twice in its gradient.
/// </param>
internal sealed record LengthCase(Func<RandomStream, int, Tensor[]> Inputs, Func<Tensor[], Tensor> Apply, int Least = 0, double Tolerance = 3e-5)
{
    private const int Rows = 3;

    /// <summary>
    /// How many of the inputs keep a NaN where the formula puts it: all, or the first ones. A weight that is no number meets the zeros around a picture in one
    /// way of computing a convolution and not in another, and a key or value that a query of its span does not see has the weight 0, and 0 · NaN is NaN.
    /// </summary>
    public int Confined { get; init; } = int.MaxValue;

    public static IReadOnlyDictionary<string, LengthCase> All { get; } = new Dictionary<string, LengthCase>(StringComparer.Ordinal)
    {
        ["neg"] = Unary(Op.Neg),
        ["exp"] = Unary(Op.Exp),
        ["log"] = Unary(Op.Log, Positive),
        ["sqrt"] = Unary(Op.Sqrt, Positive),
        ["square"] = Unary(Op.Square),
        ["abs"] = Unary(Op.Abs),
        ["relu"] = Unary(Op.Relu),
        ["sigmoid"] = Unary(Op.Sigmoid),
        ["tanh"] = Unary(Op.Tanh),
        ["gelu"] = Unary(x => Op.Gelu(x)),
        ["gelu by tanh"] = Unary(x => Op.Gelu(x, GeluKind.Tanh)),
        ["quick gelu"] = Unary(x => Op.Gelu(x, GeluKind.Quick)),
        ["silu"] = Unary(Op.Silu),
        ["softplus"] = Unary(Op.Softplus),
        ["log sigmoid"] = Unary(Op.LogSigmoid),
        ["logit"] = Unary(x => Op.Logit(x, 0.05f), Share),
        ["clamp"] = Unary(x => Op.Clamp(x, -0.5f, 1.5f)),
        ["scale"] = Unary(x => Op.Scale(x, 1.7f)),
        ["add scalar"] = Unary(x => Op.AddScalar(x, 1.7f)),
        ["dropout"] = Unary(x => Op.Dropout(x, 0.3f, new RandomStream(5), training: true)),
        ["add a row"] = Binary(Op.Add, [1]),
        ["sub"] = Binary(Op.Sub, [Rows]),
        ["mul by a column"] = Binary(Op.Mul, [Rows], column: true),
        ["div"] = Binary((a, b) => Op.Div(a, Op.Exp(b)), [Rows]),
        ["minimum"] = Binary(Op.Minimum, [Rows]),
        ["maximum of a row"] = Binary(Op.Maximum, [1]),
        ["where"] = new((r, n) => [Mask(n), Normal(r, [Rows, n]), Normal(r, [n])], x => Op.Where(x[0], x[1], x[2])),
        ["linear over n"] = new((r, n) => [Normal(r, [Rows, n]), Normal(r, [5, n]), Normal(r, [5])], x => Op.Linear(x[0], x[1], x[2])),
        ["linear to n"] = new((r, n) => [Normal(r, [Rows, 7]), Normal(r, [n, 7]), Normal(r, [n])], x => Op.Linear(x[0], x[1], x[2])),
        ["linear of n rows"] = new((r, n) => [Normal(r, [n, 7]), Normal(r, [5, 7]), Normal(r, [5])], x => Op.Linear(x[0], x[1], x[2])),
        ["matrix product over n"] = new((r, n) => [Normal(r, [Rows, n]), Normal(r, [n, 5])], x => Op.MatMul(x[0], x[1])),
        ["matrix product, transposed"] = new((r, n) => [Normal(r, [n, 6]), Normal(r, [5, n])], x => Op.MatMul(x[0], x[1], transposeA: true, transposeB: true)),
        ["layer norm"] = new((r, n) => [Normal(r, [Rows, n]), Normal(r, [n]), Normal(r, [n])], x => Op.LayerNorm(x[0], x[1], x[2]), Tolerance: 2e-3),
        ["layer norm of n rows"] = new((r, n) => [Normal(r, [n, 9]), Normal(r, [9]), Normal(r, [9])], x => Op.LayerNorm(x[0], x[1], x[2])),
        ["rms norm of n rows"] = new((r, n) => [Normal(r, [n, 9]), Normal(r, [9])], x => Op.RmsNorm(x[0], x[1])),
        ["rms norm"] = new((r, n) => [Normal(r, [Rows, n]), Normal(r, [n])], x => Op.RmsNorm(x[0], x[1]), Tolerance: 2e-3),
        ["group norm over channels"] = new((r, n) => [Normal(r, [2, n, 1, 3]), Normal(r, [n]), Normal(r, [n])], x => Op.GroupNorm(x[0], 1, x[1], x[2]), Tolerance: 2e-4),
        ["group norm over places"] = new((r, n) => [Normal(r, [2, 4, 1, n]), Normal(r, [4]), Normal(r, [4])], x => Op.GroupNorm(x[0], 2, x[1], x[2]), Tolerance: 2e-3),
        ["group norm, channels last"] = new((r, n) => [Normal(r, [2, 1, 3, n]), Normal(r, [n]), Normal(r, [n])], x => Op.GroupNorm(x[0], 1, x[1], x[2], channelsLast: true), Tolerance: 2e-4),
        ["l2"] = new((r, n) => [Normal(r, [Rows, n])], x => Op.L2Normalize(x[0])),
        ["softmax"] = new((r, n) => [Normal(r, [Rows, n])], x => Op.Softmax(x[0])),
        ["masked softmax"] = new((r, n) => [Normal(r, [Rows, n]), Mask(n)], x => Op.Softmax(x[0], x[1])),
        ["log-softmax"] = new((r, n) => [Normal(r, [Rows, n])], x => Op.LogSoftmax(x[0])),
        ["sum of all"] = new((r, n) => [Normal(r, [Rows, n])], x => Op.Sum(x[0])),
        ["sum over the last axis"] = new((r, n) => [Normal(r, [Rows, n])], x => Op.Sum(x[0], keepDims: false, 1)),
        ["sum over the first axis"] = new((r, n) => [Normal(r, [n, Rows])], x => Op.Sum(x[0], keepDims: true, 0)),
        ["sum of n columns"] = new((r, n) => [Normal(r, [5, n])], x => Op.Sum(x[0], keepDims: false, 0)),
        ["mean over a middle axis"] = new((r, n) => [Normal(r, [2, n, 3])], x => Op.Mean(x[0], keepDims: false, 1), 1),
        ["max"] = new((r, n) => [Normal(r, [Rows, n])], x => Op.MaxLast(x[0]).Values, 1),
        ["top-k"] = new((r, n) => [Normal(r, [Rows, n])], x => Op.TopK(x[0], Math.Min(x[0].Shape[1], 5)).Values),
        ["cross entropy"] = new((r, n) => [Normal(r, [Rows, n]), Ids(Rows, n)], x => Op.CrossEntropy(x[0], x[1], labelSmoothing: 0.1f, reduction: Reduction.None), 1),
        ["cross entropy of n rows"] = new((r, n) => [Normal(r, [n, 5]), Ids(n, 5)], x => Op.CrossEntropy(x[0], x[1], ignoreIndex: 2), 1),
        ["log-softmax gather"] = new((r, n) => [Normal(r, [Rows, n]), Ids(Rows, n)], x => Op.LogSoftmaxGather(x[0], x[1]), 1),
        ["embedding"] = new((r, n) => [Normal(r, [4, n]), Ids(6, 4)], x => Op.Embedding(x[0], x[1], paddingIdx: 1)),
        ["embedding of n words"] = new((r, n) => [Normal(r, [4, 3]), Ids(n, 4)], x => Op.Embedding(x[0], x[1])),
        ["scatter rows"] = new((r, n) => [Normal(r, [6, n]), Ids(6, 4)], x => Op.ScatterRows(x[0], x[1], 4)),
        ["bce"] = Loss((x, t) => Op.BceWithLogits(x, t, reduction: Reduction.None)),
        ["focal"] = Loss((x, t) => Op.SigmoidFocal(x, t)),
        ["quality focal"] = Loss((x, t) => Op.QualityFocal(x, t)),
        ["varifocal"] = Loss((x, t) => Op.Varifocal(x, t)),
        ["l1"] = Loss((x, t) => Op.L1(x, t, Reduction.Sum)),
        ["smooth l1"] = Loss((x, t) => Op.SmoothL1(x, t, reduction: Reduction.None)),
        ["squared error"] = Loss((x, t) => Op.SquaredError(x, t, Reduction.Sum)),
        ["giou of boxes"] = new((r, n) => [Boxes(r, n), Boxes(r, n)], x => Op.BoxIou(BoxIouKind.Giou, x[0], x[1]), Tolerance: 2e-4),
        ["ciou of boxes"] = new((r, n) => [Boxes(r, n), Boxes(r, n)], x => Op.BoxIou(BoxIouKind.Ciou, x[0], x[1]), Tolerance: 2e-4),
        ["iou of pairs"] = new((r, n) => [Boxes(r, n), Boxes(r, Rows)], x => Op.PairwiseBoxIou(BoxIouKind.Iou, x[0], x[1]), Tolerance: 2e-4),
        ["centres to corners"] = new((r, n) => [Boxes(r, n)], x => Op.CornersToCenter(Op.Square(Op.CenterToCorners(x[0])))),
        ["conv over n channels"] = new((r, n) => [Normal(r, [2, 3, 3, n]), Normal(r, [3, n, 2, 2]), Normal(r, [3])], x => Op.Conv2d(x[0], x[1], x[2]), 1, 6e-5) { Confined = 1 },
        ["conv to n channels"] = new((r, n) => [Normal(r, [2, 3, 3, 4]), Normal(r, [n, 4, 2, 2]), Normal(r, [n])], x => Op.Conv2d(x[0], x[1], x[2], stride: 2, padding: 1), 1) { Confined = 1 },
        ["conv along n places"] = new((r, n) => [Normal(r, [1, 3, n, 4]), Normal(r, [5, 4, 3, 3]), Normal(r, [5])], x => Op.Conv2d(x[0], x[1], x[2], padding: 1), 1, 6e-5) { Confined = 1 },
        ["conv of n planes"] = new((r, n) => [Normal(r, [1, 4, 5, n]), Normal(r, [n, 1, 3, 3]), Normal(r, [n])], x => Op.Conv2d(x[0], x[1], x[2], padding: 1, groups: x[0].Shape[3]), 1) { Confined = 1 },
        ["transposed conv over n channels"] = new((r, n) => [Normal(r, [1, 2, 3, n]), Normal(r, [n, 3, 2, 2]), Normal(r, [3])], x => Op.ConvTranspose2d(x[0], x[1], x[2], stride: 2), 1, 6e-5) { Confined = 1 },
        ["transposed conv along n places"] = new((r, n) => [Normal(r, [1, 2, n, 4]), Normal(r, [4, 3, 3, 3]), Normal(r, [3])], x => Op.ConvTranspose2d(x[0], x[1], x[2], stride: 2, padding: 1), 1) { Confined = 1 },
        ["grid sample of n places"] = new((r, n) => [Normal(r, [1, 3, 5, 6]), Normal(r, [1, 1, n, 2], 0.7f)], x => Op.GridSample(x[0], x[1]), Tolerance: 1e-4),
        ["grid sample of n pixels"] = new((r, n) => [Normal(r, [1, 2, 1, n]), Normal(r, [1, 2, 4, 2], 0.5f)], x => Op.GridSample(x[0], x[1], alignCorners: true), 1, 1e-3),
        ["bilinear to 2n + 3"] = new((r, n) => [Normal(r, [1, 2, 2, n])], x => Op.Interpolate(x[0], 3, (2 * x[0].Shape[3]) + 3, Interpolation.Bilinear), 1),
        ["bicubic to n + 1"] = new((r, n) => [Normal(r, [1, 2, 2, n])], x => Op.Interpolate(x[0], 3, x[0].Shape[3] + 1, Interpolation.Bicubic), 1),
        ["nearest to n / 2 + 1"] = new((r, n) => [Normal(r, [1, 2, 2, n])], x => Op.Interpolate(x[0], 3, (x[0].Shape[3] / 2) + 1, Interpolation.Nearest), 1),
        ["antialiased to n / 3 + 1"] = new((r, n) => [Normal(r, [1, 2, 2, n])], x => Op.Interpolate(x[0], 1, (x[0].Shape[3] / 3) + 1, Interpolation.Bilinear, antialias: true), 1),
        ["deformable attention of n channels"] = new((r, n) => [Normal(r, [1, 10, 2, n]), Shares(r, [1, 3, 2, 2, 2, 2]), Normal(r, [1, 3, 2, 2, 2])], x => Op.DeformableAttention(x[0], [(2, 3), (2, 2)], x[1], x[2]), 1, 1e-4),
        ["attention of n queries"] = new((r, n) => [Normal(r, [n, 2, 8]), Normal(r, [20, 1, 8]), Normal(r, [20, 1, 8])], x => Op.Attention(x[0], x[1], x[2], AttentionLayout.Full(x[0].Shape[0], 20))),
        ["attention over n keys"] = new((r, n) => [Normal(r, [5, 2, 8]), Normal(r, [n, 2, 8]), Normal(r, [n, 2, 8])], x => Op.Attention(x[0], x[1], x[2], AttentionLayout.Full(5, x[1].Shape[0]))),
        ["causal attention, n positions"] = new((r, n) => [Normal(r, [n, 2, 6]), Normal(r, [n, 1, 6]), Normal(r, [n, 1, 6])], x => Op.Attention(x[0], x[1], x[2], AttentionLayout.Causal(x[0].Shape[0], x[1].Shape[0]))) { Confined = 1 },
        ["attention of n channels"] = new((r, n) => [Normal(r, [5, 2, n], 0.3f), Normal(r, [9, 1, n], 0.3f), Normal(r, [9, 1, n])], x => Op.Attention(x[0], x[1], x[2], AttentionLayout.Full(5, 9)), 1, 6e-5),
        ["masked attention over n keys"] = new((r, n) => [Normal(r, [1, 2, 5, 8]), Normal(r, [1, 1, n, 8]), Normal(r, [1, 1, n, 8]), Mask(n)], x => Op.MaskedAttention(x[0], x[1], x[2], x[3])),
        ["rotary positions, n"] = new((r, n) => [Normal(r, [1, 2, n, 6]), Numbers(n)], x => Rotated(x[0], x[1])),
        ["rotary positions of 2n channels"] = new((r, n) => [Normal(r, [1, 2, 3, 2 * n]), Numbers(3)], x => Rotated(x[0], x[1]), 1),
        ["sines of n places"] = new((r, n) => [Shares(r, [n, 2])], x => Op.SinePositionEmbedding(x[0], 6), Tolerance: 1e-4),
        ["concat and slice"] = new((r, n) => [Normal(r, [2, n]), Normal(r, [2, 5])], x => Op.Slice(Op.Concat(1, x[0], x[1], x[0]), 1, 1, x[0].Shape[1] + 3)),
        ["split"] = new((r, n) => [Normal(r, [n, 3])], x => Op.Split(x[0], 0, x[0].Shape[0] / 2, x[0].Shape[0] - (x[0].Shape[0] / 2))[1]),
        ["stack"] = new((r, n) => [Normal(r, [n]), Normal(r, [n])], x => Op.Stack(1, x[0], x[1])),
        ["transpose"] = new((r, n) => [Normal(r, [3, n, 2])], x => Op.Transpose(x[0], 2, 1, 0)),
        ["expand"] = new((r, n) => [Normal(r, [n])], x => Op.Expand(x[0], [3, x[0].Shape[0]])),
        ["bfloat16 and back"] = new((r, n) => [Normal(r, [n])], x => Op.Cast(Op.Cast(x[0], DType.BFloat16), DType.Float32)),
        ["float16 and back"] = new((r, n) => [Normal(r, [n])], x => Op.Cast(Op.Cast(x[0], DType.Float16), DType.Float32)),
    };

    private static LengthCase Unary(Func<Tensor, Tensor> apply, Func<float, float>? domain = null) => new(
        (random, n) =>
        {
            var x = Normal(random, [n], 2);
            if (domain is not null) Gradients.Change(x, domain);
            return [x];
        },
        x => apply(x[0]));

    private static LengthCase Binary(Func<Tensor, Tensor, Tensor> apply, int[] rows, bool column = false) =>
        new((random, n) => [Normal(random, [Rows, n]), Normal(random, column ? [rows[0], 1] : [rows[0], n])], x => apply(x[0], x[1]));

    private static LengthCase Loss(Func<Tensor, Tensor, Tensor> apply) => new((random, n) => [Normal(random, [n], 2), Shares(random, [n])], x => apply(x[0], x[1].Detach()));

    private static float Positive(float value) => 0.1f + Math.Abs(value);

    private static float Share(float value) => 1 / (1 + MathF.Exp(-value));

    private static Tensor Normal(RandomStream random, Shape shape, float scale = 1) => Gradients.Normal(random, shape, scale);

    private static Tensor Shares(RandomStream random, Shape shape)
    {
        var x = Normal(random, shape);
        Gradients.Change(x, Share);
        return x;
    }

    private static Tensor Mask(int n) => Tensor.From(Enumerable.Range(0, n).Select(i => i % 3 != 1).ToArray(), [n]);

    private static Tensor Numbers(int n) => Tensor.From(Enumerable.Range(0, n).Select(i => (long)i).ToArray(), [1, n]);

    private static Tensor Ids(int count, int below) => Tensor.From(Enumerable.Range(0, count).Select(i => (long)(i * 7 % Math.Max(below, 1))).ToArray(), [count]);

    /// <summary>Corners of boxes with sides of at least 0.2.</summary>
    private static Tensor Boxes(RandomStream random, int n)
    {
        var values = new float[4 * n];
        for (var i = 0; i < n; i++)
        {
            var (x, y) = ((float)random.NextDouble(), (float)random.NextDouble());
            (values[4 * i], values[(4 * i) + 1], values[(4 * i) + 2], values[(4 * i) + 3]) = (x, y, x + 0.2f + (float)random.NextDouble(), y + 0.2f + (float)random.NextDouble());
        }

        return Tensor.From(values, [n, 4]);
    }

    private static Tensor Rotated(Tensor x, Tensor positions)
    {
        var (cos, sin) = Op.RopeTables(positions, x.Shape[3]);
        return Op.Rope(x, cos, sin);
    }
}
