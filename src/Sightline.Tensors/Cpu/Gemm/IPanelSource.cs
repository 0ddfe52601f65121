namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>
/// One operand of a matrix product, seen as lines (rows of a, columns of b) along the summed index K. Packing brings a
/// panel of lines into the order in which the register tile reads it.
/// </summary>
internal unsafe interface IPanelSource
{
    /// <summary>Whether a step is a pair of bfloat16 rather than a float32.</summary>
    static virtual bool IsPairs => false;

    /// <summary>Whether whole panels can be read where they lie, as <see cref="LinesAt"/> says, about as fast as packed ones.</summary>
    bool InPlace { get; }

    /// <summary>In place: lines lie beside each other, steps apart; otherwise it is the other way round.</summary>
    bool StepsApart { get; }

    /// <summary>In place: a panel from line <paramref name="first"/> and step <paramref name="k0"/> on.</summary>
    TileLines LinesAt(int first, int k0);

    /// <summary>target[k, i] = value of line first + i at k0 + k for i &lt; count, and 0 for count ≤ i &lt; width; target is [K, width].</summary>
    void Pack(float* target, int width, int first, int count, int k0, int K);
}
