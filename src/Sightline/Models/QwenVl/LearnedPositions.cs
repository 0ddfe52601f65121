using Sightline.Generation;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.QwenVl;

/// <summary>
/// A square table of learned positions (Qwen3-VL), read between its rows by bilinear interpolation with the corners of the table at the corners
/// of the picture (<c>get_vision_bilinear_indices_and_weights</c> of transformers). Parameter <c>weight</c> [S², C].
/// </summary>
internal sealed class LearnedPositions(ParameterScope scope, int side, int channels)
{
    private readonly Tensor _table = scope.Get("weight", [side * side, channels], Initializer.TruncatedNormal());

    /// <summary>One row a patch, float32 [P, C].</summary>
    public Tensor Forward(ReadOnlySpan<PictureGrid> grids, int mergeSize)
    {
        var total = 0;
        foreach (var grid in grids) total += grid.Patches;
        var ids = new long[4 * total];
        var weights = new float[4 * total];
        var at = 0;
        foreach (var grid in grids)
        {
            for (var patch = 0; patch < grid.Patches; patch++, at++)
            {
                var (row, column) = VisionGrids.Place(patch, grid, mergeSize);
                var (top, bottom, down) = Between(row, grid.Height);
                var (left, right, across) = Between(column, grid.Width);
                (ids[at], weights[at]) = ((top * side) + left, (1 - down) * (1 - across));
                (ids[total + at], weights[total + at]) = ((top * side) + right, (1 - down) * across);
                (ids[(2 * total) + at], weights[(2 * total) + at]) = ((bottom * side) + left, down * (1 - across));
                (ids[(3 * total) + at], weights[(3 * total) + at]) = ((bottom * side) + right, down * across);
            }
        }

        var rows = Op.IndexRows(_table, Tensor.From(ids, [4, total]));                              // [4, P, C]
        if (rows.DType != DType.Float32) rows = Op.Cast(rows, DType.Float32);
        return Op.Sum(Op.Mul(rows, Tensor.From(weights, [4, total, 1])), false, 0);                      // [P, C]
    }

    /// <summary>Place <paramref name="index"/> of <paramref name="count"/>, spread over the table: the rows around it and how far it is from the first.</summary>
    private (int Low, int High, float Fraction) Between(int index, int count)
    {
        var place = count == 1 ? 0 : (double)(side - 1) * index / (count - 1);
        var low = (int)place;
        return (low, Math.Min(low + 1, side - 1), (float)(place - low));
    }
}
