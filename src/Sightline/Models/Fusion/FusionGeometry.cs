using Sightline.Tensors;

namespace Sightline.Models.Fusion;

/// <summary>The constants of a batch size: which token lies above which fine place, and where the places are.</summary>
internal sealed class FusionGeometry : IDisposable
{
    public FusionGeometry(FusionConfig config, int pictures)
    {
        var coarse = config.CoarseSide;
        var fine = config.FineSide;
        var parents = new long[pictures * fine * fine];
        var centres = new float[pictures * fine * fine * 4];
        for (var at = 0; at < parents.Length; at++)
        {
            var (picture, place) = Math.DivRem(at, fine * fine);
            var (row, column) = Math.DivRem(place, fine);
            parents[at] = (picture * coarse * coarse) + (row / 2 * coarse) + (column / 2);
            centres[at * 4] = centres[(at * 4) + 2] = (column + 0.5f) / fine;
            centres[(at * 4) + 1] = centres[(at * 4) + 3] = (row + 0.5f) / fine;
        }

        Positions = PositionsOf(coarse, pictures);
        FinePositions = PositionsOf(fine, pictures);
        var stride = 1f / fine;
        Parents = Tensor.From(parents, [parents.Length]).AsParameter(requiresGrad: false);
        Centres = Tensor.From(centres, [parents.Length, 4]).AsParameter(requiresGrad: false);
        Signs = Tensor.From([-stride, -stride, stride, stride], [4]).AsParameter(requiresGrad: false);
    }

    /// <summary>Position features of the tokens, [B·N, F].</summary>
    public Tensor Positions { get; }

    /// <summary>Position features of the fine places, [B·M, F].</summary>
    public Tensor FinePositions { get; }

    /// <summary>Row of the token above each fine place, [B·M] (int64).</summary>
    public Tensor Parents { get; }

    /// <summary>Centres of the fine places, twice, [B·M, 4].</summary>
    public Tensor Centres { get; }

    /// <summary>One stride to the left, up, right, down, [4].</summary>
    public Tensor Signs { get; }

    public void Dispose()
    {
        Positions.Dispose();
        FinePositions.Dispose();
        Parents.Dispose();
        Centres.Dispose();
        Signs.Dispose();
    }

    private static Tensor PositionsOf(int side, int pictures)
    {
        var one = side * side * PositionFeatures.Channels;
        var positions = new float[pictures * one];
        PositionFeatures.Write(positions, side);
        for (var b = 1; b < pictures; b++) positions.AsSpan(0, one).CopyTo(positions.AsSpan(b * one));
        return Tensor.From(positions, [pictures * side * side, PositionFeatures.Channels]).AsParameter(requiresGrad: false);
    }
}
