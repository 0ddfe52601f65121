using Sightline.Tensors.LibTorch.Native;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.LibTorch;

/// <content>Matrix products and quantized weights.</content>
public sealed unsafe partial class LibTorchEngine
{
    /// <summary>Rows that are multiplied together while <see cref="RowIndependence"/> is required: products of one size, whatever the number of rows.</summary>
    private const int RowBlock = 16;

    /// <inheritdoc/>
    public override void MatMul(Tensor a, bool transposeA, Tensor b, bool transposeB, Tensor? bias, Tensor c, float beta)
    {
        if (c.Count == 0) return;
        using var work = Work.On(this);
        long M = c.Shape[^2], N = c.Shape[^1], K = transposeA ? a.Shape[^2] : a.Shape[^1];
        var type = ProductType(a, b, beta);
        if (K == 0)
        {
            var nothing = work.Zeros(DType.Float32, Sizes(c));
            work.Add(c, bias is null ? nothing : nothing + work.Wide(bias), beta);
            return;
        }

        if (b.Shape.Rank == 2 && !(transposeA && a.Shape.Rank > 2))
        {
            var rows = c.Count / N; // of all entries
            var left = (transposeA ? work.Of(a, [rows, K], [1, rows]) : work.Of(a, rows, K)).As(type);
            var right = (transposeB ? work.Of(b, N, K) : work.Of(b, [N, K], [1, N])).As(type); // [N, K]
            Value? shift = bias is null ? null : work.Of(bias).As(type);
            work.Add(c, RowIndependence.IsRequired ? ByRowBlocks(work, left, right, shift, rows, N, K) : work.Call("aten::linear"u8, ""u8, left, right, work.Some(shift)), beta);
            return;
        }

        var entries = c.Count / (M * N);
        var l = Stack(work, a, transposeA, entries, M, K).As(type);
        var r = Stack(work, b, transposeB, entries, K, N).As(type);
        work.Add(c, l.Times(r), beta);
    }

    /// <inheritdoc/>
    public override void BiasGradient(Tensor x, Tensor y, float beta)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        work.Add(y, work.Wide(x, x.Count / y.Count, y.Count).Sum(0), beta);
    }

    /// <inheritdoc/>
    public override void QuantizedLinear(Tensor x, QuantizedWeight weight, Tensor? bias, Tensor y)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        var w = weight.FormOf(this, source => new TorchQuantizedWeight(this, source)).Widen(work); // [N, K]
        long N = weight.OutputSize, K = weight.InputSize, rows = y.Count / N;
        var rounded = RoundActivations(work, work.Wide(x, rows, K), rows, K, weight.ActivationGroup);
        work.Write(y, ByRowBlocks(work, rounded, w, bias is null ? null : work.Of(bias), rows, N, K));
    }

    /// <inheritdoc/>
    public override void QuantizedLinearBackward(Tensor dy, QuantizedWeight weight, Tensor dx, float beta)
    {
        if (dx.Count == 0) return;
        using var work = Work.On(this);
        long N = weight.OutputSize, K = weight.InputSize, rows = dx.Count / K;
        var w = weight.FormOf(this, source => new TorchQuantizedWeight(this, source)).Widen(work);
        work.Add(dx, work.Call("aten::mm"u8, ""u8, work.Wide(dy, rows, N), w), beta);
    }

    /// <summary>
    /// What rows become when each group of inputs is stored as whole numbers of -127 to 127 times max / 127: nearest even; NaN where something is not finite,
    /// 0 where the largest is too small to divide by.
    /// </summary>
    private static Value RoundActivations(Work work, Value x, long rows, long K, long group)
    {
        var groups = (K + group - 1) / group;
        var padded = x;
        if (groups * group != K)
        {
            padded = work.Zeros(DType.Float32, rows, groups * group);
            work.CopyInto(padded.View([rows, K], [groups * group, 1]), x);
        }

        padded = padded.View(rows, groups, group);
        var largest = padded.Abs().LargestOf(2); // [rows, groups, 1]
        var inverse = 127 / largest;
        var rounded = (padded * inverse).Round() * (largest / 127);
        rounded = inverse.IsFinite().Choose(rounded, 0);
        rounded = largest.IsFinite().Choose(rounded, double.NaN);
        return rounded.View([rows, K], [groups * group, 1]);
    }

    /// <summary>x · wᵀ + bias in blocks of rows that are all of one size, so that every row is summed in the same order in any company.</summary>
    private static Value ByRowBlocks(Work work, Value x, Value w, Value? bias, long rows, long N, long K)
    {
        var blocks = (rows + RowBlock - 1) / RowBlock;
        var padded = work.Empty(work.TypeOf(x), blocks * RowBlock, K);
        work.CopyInto(padded.View([rows, K], [K, 1]), x);
        if (blocks * RowBlock > rows) work.CopyInto(padded.View([(blocks * RowBlock) - rows, K], [K, 1], rows * K), work.Constant(0.0));
        var product = work.Empty(work.TypeOf(x), blocks * RowBlock, N);
        for (long i = 0; i < blocks; i++)
        {
            var part = work.Call("aten::linear"u8, ""u8, padded.View([RowBlock, K], [K, 1], i * RowBlock * K), w, work.Some(bias));
            if (blocks == 1) return part.View([rows, N], [N, 1]);
            work.CopyInto(product.View([RowBlock, N], [N, 1], i * RowBlock * N), part);
            work.Free(part);
        }

        return product.View([rows, N], [N, 1]);
    }

    /// <summary>An operand of a batched product, [entries, rows, columns]; one matrix for all entries is repeated without a copy.</summary>
    private static Value Stack(Work work, Tensor x, bool transpose, long entries, long rows, long columns)
    {
        var step = x.Shape.Rank == 2 ? 0 : rows * columns;
        return transpose ? work.Of(x, [entries, rows, columns], [step, 1, rows]) : work.Of(x, [entries, rows, columns], [step, columns, 1]);
    }

    /// <summary>
    /// The element type of a product's operands: theirs where they agree and the result is written, not added to (the product would be rounded twice), and
    /// float32 otherwise. The processor's float16 products are slow and narrow, so they go through float32.
    /// </summary>
    private DType ProductType(Tensor a, Tensor b, float beta) =>
        a.DType == b.DType && beta == 0 && (a.DType != DType.Float16 || Device.IsCuda) ? a.DType : DType.Float32;
}

/// <summary>A quantized weight on the device: eight bits a number and its scales, widened for each product.</summary>
internal sealed class TorchQuantizedWeight : IDisposable
{
    private readonly Tensor _values;
    private readonly Tensor _scales;
    private readonly (long N, long K, long Group) _size;

    public TorchQuantizedWeight(LibTorchEngine engine, QuantizedWeight weight)
    {
        using (var values = weight.Values()) _values = values.To(engine).AsParameter(requiresGrad: false);
        using (var scales = weight.Scales()) _scales = scales.To(engine).AsParameter(requiresGrad: false);
        _size = (weight.OutputSize, weight.InputSize, weight.Format == QuantizedFormat.Int8 ? Math.Max(weight.InputSize, 1) : weight.ActivationGroup);
    }

    /// <summary>Numbers times scales, float32 [N, K].</summary>
    public Value Widen(Work work)
    {
        var (N, K, group) = _size;
        var groups = K / group * group == K ? K / Math.Max(group, 1) : 0;
        var scales = work.Wide(_scales);
        if (groups > 0) return (work.Of(_values, N, groups, group).As(DType.Float32) * scales.View(N, groups, 1)).View(N, K);
        // the last group is a part of one
        var padded = (K + group - 1) / group * group;
        var values = work.Zeros(DType.Float32, N, padded);
        work.CopyInto(values.View([N, K], [padded, 1]), work.Of(_values, N, K));
        return (values.View(N, padded / group, group) * scales.View(N, padded / group, 1)).View([N, K], [padded, 1]);
    }

    public void Dispose()
    {
        _values.Dispose();
        _scales.Dispose();
    }
}
