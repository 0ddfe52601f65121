namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>Where the row of a mask that belongs to a row of the values starts; the mask broadcasts to the values.</summary>
internal readonly unsafe struct MaskRows
{
    private readonly Sizes _sizes;
    private readonly int _axes;

    public MaskRows(Shape values, Shape mask)
    {
        _axes = values.Rank - 1;
        long run = 1;
        for (var i = 1; i <= values.Rank; i++)
        {
            var size = i <= mask.Rank ? mask[^i] : 1;
            if (i == 1) ColumnStep = size == 1 ? 0 : 1;
            else
            {
                _sizes.Size[values.Rank - i] = values[^i];
                _sizes.Step[values.Rank - i] = size == 1 ? 0 : run;
            }

            run *= size;
        }
    }

    /// <summary>0 where one entry of the mask stands for a whole row, else 1.</summary>
    public int ColumnStep { get; }

    public long Start(long row)
    {
        long start = 0;
        for (var i = _axes - 1; i >= 0; i--)
        {
            start += row % _sizes.Size[i] * _sizes.Step[i];
            row /= _sizes.Size[i];
        }

        return start;
    }

    private struct Sizes
    {
        public fixed long Size[Shape.MaxRank];
        public fixed long Step[Shape.MaxRank];
    }
}
