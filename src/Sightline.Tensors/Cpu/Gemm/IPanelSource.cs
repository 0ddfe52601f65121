namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>
/// One operand of a matrix product, seen as lines (rows of a, columns of b) along the summed index K. Packing brings a
/// panel of lines into the order in which the register tile reads it.
/// </summary>
internal unsafe interface IPanelSource
{
    /// <summary>target[k, i] = value of line first + i at k0 + k for i &lt; count, and 0 for count ≤ i &lt; width; target is [K, width].</summary>
    void Pack(float* target, int width, int first, int count, int k0, int K);
}
