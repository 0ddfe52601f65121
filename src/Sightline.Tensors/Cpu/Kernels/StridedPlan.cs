namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>A contiguous result read from strided memory; axes that run on from each other are merged.</summary>
internal unsafe struct StridedPlan
{
    /// <summary>Rows of a band of a transposition.</summary>
    public const int Tile = 16;

    private fixed long _size[Shape.MaxRank];
    private fixed long _step[Shape.MaxRank];
    private readonly int _rank;

    public StridedPlan(Shape result, ReadOnlySpan<long> steps)
    {
        for (var i = 0; i < result.Rank; i++)
        {
            if (result[i] == 1) continue;
            if (_rank > 0 && _step[_rank - 1] == steps[i] * result[i])
            {
                _size[_rank - 1] *= result[i];
                _step[_rank - 1] = steps[i];
                continue;
            }

            _size[_rank] = result[i];
            _step[_rank] = steps[i];
            _rank++;
        }

        if (_rank == 0)
        {
            _size[0] = 1;
            _step[0] = 1;
            _rank = 1;
        }

        Rows = 1;
        for (var i = 0; i < _rank - 1; i++) Rows *= _size[i];
    }

    public readonly long Columns => _size[_rank - 1];

    public readonly long ColumnStep => _step[_rank - 1];

    public readonly long Height => _size[_rank - 2];

    /// <summary>Rows of the result.</summary>
    public long Rows { get; }

    /// <summary>True for a transposition of the last two axes, which is done in square tiles.</summary>
    public readonly bool IsTiled => _rank >= 2 && _step[_rank - 1] > 1 && _step[_rank - 2] == 1 && Columns >= 4 && Height >= 4;

    /// <summary>Bands of tiles over all matrices.</summary>
    public readonly long TilePieces => Rows / Height * ((Height + Tile - 1) / Tile);

    /// <summary>Where a row of the result starts in the source.</summary>
    public readonly long RowStart(long row)
    {
        long start = 0;
        for (var i = _rank - 2; i >= 0; i--)
        {
            start += row % _size[i] * _step[i];
            row /= _size[i];
        }

        return start;
    }
}
