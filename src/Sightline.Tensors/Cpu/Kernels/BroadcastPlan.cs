namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>
/// How up to three operands are walked together: the axes of the result, axes that all operands walk alike merged into one, and for
/// each operand its step along them (0 where it is broadcast). The innermost axis is the row; the others are counted by an odometer.
/// </summary>
internal unsafe struct BroadcastPlan
{
    private const int Max = Shape.MaxRank;
    private fixed long _size[Max];
    private fixed long _stepA[Max];
    private fixed long _stepB[Max];
    private fixed long _stepC[Max];

    /// <summary>Number of merged axes, at least 1.</summary>
    public int Rank;

    /// <summary>Length of a row.</summary>
    public readonly long Inner => _size[Rank - 1];

    /// <summary>Number of rows.</summary>
    public long Rows;

    /// <summary>Steps along a row: 1 or 0.</summary>
    public readonly (bool A, bool B, bool C) InnerStep => (_stepA[Rank - 1] != 0, _stepB[Rank - 1] != 0, _stepC[Rank - 1] != 0);

    /// <summary>Plans a walk of operands whose shapes broadcast (aligned at the last axis) to <paramref name="result"/>.</summary>
    public static BroadcastPlan Of(Shape result, Shape a, Shape b, Shape c)
    {
        var plan = default(BroadcastPlan);
        var rank = 0;
        long runA = 1, runB = 1, runC = 1;
        // collected innermost first, reversed below
        for (var i = 1; i <= result.Rank; i++)
        {
            var size = result[^i];
            var sizeA = i <= a.Rank ? a[^i] : 1;
            var sizeB = i <= b.Rank ? b[^i] : 1;
            var sizeC = i <= c.Rank ? c[^i] : 1;
            var (stepA, stepB, stepC) = (sizeA == 1 ? 0 : runA, sizeB == 1 ? 0 : runB, sizeC == 1 ? 0 : runC);
            (runA, runB, runC) = (runA * sizeA, runB * sizeB, runC * sizeC);
            if (size == 1) continue;
            var last = rank - 1;
            if (rank > 0 && stepA == plan._stepA[last] * plan._size[last] && stepB == plan._stepB[last] * plan._size[last] && stepC == plan._stepC[last] * plan._size[last])
            {
                plan._size[last] *= size;
                continue;
            }

            (plan._size[rank], plan._stepA[rank], plan._stepB[rank], plan._stepC[rank]) = (size, stepA, stepB, stepC);
            rank++;
        }

        if (rank == 0)
        {
            plan._size[0] = 1;
            rank = 1;
        }

        plan.Rank = rank;
        plan.Rows = 1;
        for (var i = 0; i < rank / 2; i++)
        {
            var j = rank - 1 - i;
            (plan._size[i], plan._size[j]) = (plan._size[j], plan._size[i]);
            (plan._stepA[i], plan._stepA[j]) = (plan._stepA[j], plan._stepA[i]);
            (plan._stepB[i], plan._stepB[j]) = (plan._stepB[j], plan._stepB[i]);
            (plan._stepC[i], plan._stepC[j]) = (plan._stepC[j], plan._stepC[i]);
        }

        for (var i = 0; i < rank - 1; i++) plan.Rows *= plan._size[i];
        return plan;
    }

    /// <summary>Where row number <paramref name="row"/> starts in each operand.</summary>
    public readonly (long A, long B, long C) RowStart(long row)
    {
        long a = 0, b = 0, c = 0;
        for (var i = Rank - 2; i >= 0; i--)
        {
            var at = row % _size[i];
            row /= _size[i];
            a += at * _stepA[i];
            b += at * _stepB[i];
            c += at * _stepC[i];
        }

        return (a, b, c);
    }
}
