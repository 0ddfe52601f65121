using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>
/// Learned positions of the tokens of a square grid, with some tokens before them that are in no grid (the class token).
/// For another grid the table is resized as a small picture (Dosovitskiy et al. 2021, section 3.2), bicubic as in the
/// published implementations.
/// </summary>
public sealed class GridPositions(Tensor table, int side, int channels, int tokensBefore)
{
    /// <summary>The positions for a grid, [1, before + height · width, C].</summary>
    public Tensor Forward(int height, int width)
    {
        var rows = Op.Reshape(table, 1, tokensBefore + (side * side), channels);          // [1, K + N, C]
        if (height == side && width == side) return rows;
        var grid = Op.Reshape(Op.Slice(rows, 1, tokensBefore, side * side), 1, side, side, channels);
        var resized = Op.Reshape(FeatureMap.Resize(grid, height, width, Interpolation.Bicubic), 1, height * width, channels);
        return tokensBefore == 0 ? resized : Op.Concat(1, Op.Slice(rows, 1, 0, tokensBefore), resized);
    }
}
