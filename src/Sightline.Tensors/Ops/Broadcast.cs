namespace Sightline.Tensors.Ops;

/// <summary>NumPy's rule: shapes are aligned at the last axis; a missing axis or one of size 1 is repeated.</summary>
internal static class Broadcast
{
    /// <summary>The shape that both fit.</summary>
    /// <exception cref="ShapeException">Two sizes differ and neither is 1.</exception>
    public static Shape Of(string op, Tensor a, Tensor b)
    {
        if (a.Shape == b.Shape) return a.Shape;
        var rank = Math.Max(a.Shape.Rank, b.Shape.Rank);
        Span<int> sizes = stackalloc int[rank];
        for (var i = 1; i <= rank; i++)
        {
            var left = i <= a.Shape.Rank ? a.Shape[^i] : 1;
            var right = i <= b.Shape.Rank ? b.Shape[^i] : 1;
            if (left != right && left != 1 && right != 1)
                throw new ShapeException($"{op}: {a} and {b} do not broadcast: axis -{i} has {left} and {right}");
            sizes[rank - i] = left == 1 ? right : left;
        }

        return new Shape(sizes);
    }

    /// <summary>True when <paramref name="from"/> can be repeated to <paramref name="to"/>.</summary>
    public static bool Fits(Shape from, Shape to)
    {
        if (from.Rank > to.Rank) return false;
        for (var i = 1; i <= from.Rank; i++)
        {
            if (from[^i] != to[^i] && from[^i] != 1) return false;
        }

        return true;
    }

    /// <summary>The element type of a result: that of both, or float32 where they differ.</summary>
    public static DType Type(string op, Tensor a, Tensor b)
    {
        if (!a.DType.IsFloat() || !b.DType.IsFloat()) throw new ShapeException($"{op}: expected float tensors, got {a} and {b}");
        return a.DType == b.DType ? a.DType : DType.Float32;
    }
}
