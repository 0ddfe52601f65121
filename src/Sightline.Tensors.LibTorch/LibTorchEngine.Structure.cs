using Sightline.Tensors.LibTorch.Native;

namespace Sightline.Tensors.LibTorch;

/// <content>Reordering, joining and rows by number: views of the library's memory and one copy.</content>
public sealed unsafe partial class LibTorchEngine
{
    /// <inheritdoc/>
    public override void Permute(Tensor x, Tensor y, ReadOnlySpan<int> axes)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        Span<long> sizes = stackalloc long[axes.Length], steps = stackalloc long[axes.Length], from = stackalloc long[axes.Length];
        long run = 1;
        for (var i = axes.Length - 1; i >= 0; i--)
        {
            from[i] = run;
            run *= x.Shape[i];
        }

        for (var i = 0; i < axes.Length; i++) (sizes[i], steps[i]) = (y.Shape[i], from[axes[i]]);
        work.CopyInto(work.Of(y), work.Of(x, sizes, steps));
    }

    /// <inheritdoc/>
    public override void Expand(Tensor x, Tensor y)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        work.CopyInto(work.Of(y), work.Of(x));
    }

    /// <inheritdoc/>
    public override void CopyRuns(Tensor x, long xStart, long xStep, Tensor y, long yStart, long yStep, long rows, long length)
    {
        if (rows == 0 || length == 0) return;
        using var work = Work.On(this);
        work.CopyInto(work.Of(y, [rows, length], [yStep, 1], yStart), work.Of(x, [rows, length], [xStep, 1], xStart));
    }

    /// <inheritdoc/>
    public override void GatherRows(Tensor x, Tensor ids, Tensor y, int columns)
    {
        CheckIds("IndexRows", ids, x.Shape[0]);
        if (y.Count == 0) return;
        using var work = Work.On(this);
        work.Write(y, work.Call("aten::index_select"u8, ""u8, work.Of(x, x.Shape[0], columns), 0, work.Of(ids, ids.Count)));
    }

    /// <summary>The gradient of an embedding, which the processor sums in the order of the ids and a GPU after sorting them: the same bits again.</summary>
    public override void ScatterAddRows(Tensor x, Tensor ids, Tensor y, int columns, long skip)
    {
        CheckIds("ScatterRows", ids, y.Shape[0]);
        if (y.Count == 0) return;
        if (ids.Count == 0)
        {
            Clear(y);
            return;
        }

        using var work = Work.On(this);
        work.Write(y, work.Call("aten::embedding_dense_backward"u8, ""u8, work.Wide(x, ids.Count, columns), work.Of(ids, ids.Count), (long)y.Shape[0], skip, false));
    }

    /// <inheritdoc/>
    public override void SumMiddle(Tensor x, Tensor y, long outer, long middle, long inner, float scale)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        var sum = middle == 0 ? work.Zeros(DType.Float32, outer, inner) : work.Wide(x, outer, middle, inner).Sum(1);
        work.Write(y, scale == 1 ? sum : sum * (double)scale);
    }

    /// <inheritdoc/>
    public override void MaxLast(Tensor x, Tensor y, Tensor index)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        var (values, at) = work.Call2("aten::max"u8, "dim"u8, work.Of(x, x.Shape.Rows, x.Shape.Columns), 1, false);
        work.Write(y, values);
        work.Write(index, at);
    }

    /// <inheritdoc/>
    public override void ScatterLast(Tensor x, Tensor index, Tensor y) => Scatter(index, x, y, 1);

    /// <summary>A stable sort, because the library's own top-k leaves open which of equal elements comes first.</summary>
    public override void TopK(Tensor x, Tensor values, Tensor indices, int k)
    {
        if (values.Count == 0) return;
        using var work = Work.On(this);
        var (sorted, at) = work.Call2("aten::sort"u8, "stable"u8, work.Of(x, x.Shape.Rows, x.Shape.Columns), work.Some(true), 1, true);
        work.Write(values, sorted.Narrow(1, 0, k));
        work.Write(indices, at.Narrow(1, 0, k));
    }

    /// <inheritdoc/>
    public override void TopKBackward(Tensor indices, Tensor dy, Tensor dx) => Scatter(indices, dy, dx, dy.Shape.Columns);

    private void Scatter(Tensor indices, Tensor from, Tensor to, int k)
    {
        if (to.Count == 0) return;
        using var work = Work.On(this);
        long C = to.Shape.Columns, rows = to.Count / C;
        var zeros = work.Zeros(to.DType, rows, C);
        work.Write(to, work.Call("aten::scatter"u8, "src"u8, zeros, 1, work.Of(indices, rows, k), work.Of(from, rows, k).As(to.DType)));
    }

    /// <summary>On the processor ids are looked at before they are used; a GPU stops by itself at a wrong one, and looking would make it wait.</summary>
    private void CheckIds(string op, Tensor ids, int rows)
    {
        if (Device.IsCuda) return;
        foreach (var id in ids.ToArray<long>())
        {
            if (id < 0 || id >= rows) throw new ShapeException($"{op}: id {id}, but there are {rows} rows");
        }
    }
}
