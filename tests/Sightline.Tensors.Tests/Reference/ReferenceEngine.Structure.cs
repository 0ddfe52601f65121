namespace Sightline.Tensors.Tests.Reference;

internal sealed partial class ReferenceEngine
{
    public override void Permute(Tensor x, Tensor y, ReadOnlySpan<int> axes)
    {
        var from = new int[y.Count];
        Span<int> index = stackalloc int[axes.Length];
        for (var i = 0; i < from.Length; i++)
        {
            for (int k = axes.Length - 1, rest = i; k >= 0; k--)
            {
                index[axes[k]] = rest % y.Shape[k];
                rest /= y.Shape[k];
            }

            for (var k = 0; k < axes.Length; k++) from[i] = (from[i] * x.Shape[k]) + index[k];
        }

        Move(x, y, from);
    }

    public override void Expand(Tensor x, Tensor y) => Move(x, y, Positions(y.Shape, x.Shape));

    public override void CopyRuns(Tensor x, long xStart, long xStep, Tensor y, long yStart, long yStep, long rows, long length)
    {
        var size = x.DType.Size();
        for (var row = 0; row < rows; row++)
            Bytes(x).Slice((int)(xStart + (row * xStep)) * size, (int)length * size).CopyTo(Bytes(y)[((int)(yStart + (row * yStep)) * size)..]);
    }

    public override void GatherRows(Tensor x, Tensor ids, Tensor y, int columns)
    {
        CheckIds("IndexRows", Ids(ids), x.Shape[0]);
        var size = columns * x.DType.Size();
        for (var row = 0; row < ids.Count; row++) Bytes(x).Slice((int)Ids(ids)[row] * size, size).CopyTo(Bytes(y)[(row * size)..]);
    }

    public override void ScatterAddRows(Tensor x, Tensor ids, Tensor y, int columns, long skip)
    {
        CheckIds("ScatterRows", Ids(ids), y.Shape[0]);
        var (rows, sums) = (Read(x), new double[y.Count]);
        for (var row = 0; row < ids.Count; row++)
        {
            var id = Ids(ids)[row];
            for (var c = 0; c < columns && id != skip; c++) sums[(id * columns) + c] += rows[(row * columns) + c];
        }

        Write(y, sums);
    }

    public override void SumMiddle(Tensor x, Tensor y, long outer, long middle, long inner, float scale)
    {
        var (values, sums) = (Read(x), new double[y.Count]);
        for (var i = 0; i < values.Length; i++) sums[(i / (middle * inner) * inner) + (i % inner)] += scale * values[i];
        Write(y, sums);
    }

    public override void MaxLast(Tensor x, Tensor y, Tensor index)
    {
        var (values, C, best) = (Read(x), x.Shape.Columns, new double[y.Count]);
        for (var row = 0; row < best.Length; row++)
        {
            var at = Order(values.AsSpan(row * C, C))[0];
            best[row] = values[(row * C) + at];
            Ids(index)[row] = at;
        }

        Write(y, best);
    }

    public override void ScatterLast(Tensor x, Tensor index, Tensor y) => TopKBackward(index, x, y, k: 1);

    public override void TopK(Tensor x, Tensor values, Tensor indices, int k)
    {
        var (source, C, best) = (Read(x), x.Shape.Columns, new double[values.Count]);
        int[] order = [];
        for (var i = 0; i < best.Length; i++)
        {
            if (i % k == 0) order = Order(source.AsSpan(i / k * C, C));
            best[i] = source[(i / k * C) + order[i % k]];
            Ids(indices)[i] = order[i % k];
        }

        Write(values, best);
    }

    public override void TopKBackward(Tensor indices, Tensor dy, Tensor dx) => TopKBackward(indices, dy, dx, dy.Shape.Columns);

    private void TopKBackward(Tensor indices, Tensor dy, Tensor dx, int k)
    {
        var (from, to) = (Read(dy), new double[dx.Count]);
        for (var i = 0; i < from.Length; i++) to[(i / k * dx.Shape.Columns) + Ids(indices)[i]] = from[i];
        Write(dx, to);
    }

    /// <summary>Positions by falling value: NaN first, the earlier one where equal.</summary>
    private static int[] Order(ReadOnlySpan<double> values)
    {
        var row = values.ToArray();
        return [.. Enumerable.Range(0, row.Length).OrderByDescending(i => double.IsNaN(row[i])).ThenByDescending(i => row[i])];
    }

    private static void CheckIds(string op, ReadOnlySpan<long> ids, int rows)
    {
        foreach (var id in ids)
        {
            if (id < 0 || id >= rows) throw new ShapeException($"{op}: id {id}, but there are {rows} rows");
        }
    }

    /// <summary>y[i] = x[from[i]], any element type.</summary>
    private void Move(Tensor x, Tensor y, int[] from)
    {
        var source = Bytes(x);
        var target = Bytes(y);
        var size = x.DType.Size();
        for (var i = 0; i < from.Length; i++) source.Slice(from[i] * size, size).CopyTo(target[(i * size)..]);
    }
}
