using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models;

/// <summary>What a vision transformer says about B pictures, cut into h x w patches each.</summary>
/// <param name="LastHiddenState">Tokens, [B, K + h·w, C]: first those that belong to no patch, then the patches row by row.</param>
/// <param name="Pooled">One vector a picture, [B, C'], where the model has such a head.</param>
/// <param name="Height">Patches down, h.</param>
/// <param name="Width">Patches across, w.</param>
/// <param name="TokensBefore">Tokens that belong to no patch, K.</param>
public sealed record VisionOutput(Tensor LastHiddenState, Tensor? Pooled, int Height, int Width, int TokensBefore)
{
    /// <summary>The tokens of the patches as a map, [B, h, w, C].</summary>
    public Tensor Map() => Map(LastHiddenState, Height, Width, TokensBefore);

    /// <summary>tokens [B, K + h·w, C] to [B, h, w, C].</summary>
    internal static Tensor Map(Tensor tokens, int height, int width, int tokensBefore)
    {
        var patches = tokensBefore == 0 ? tokens : Op.Slice(tokens, 1, tokensBefore, height * width);
        return Op.Reshape(patches, tokens.Shape[0], height, width, tokens.Shape[2]);
    }

    /// <summary>The first token of each sequence: [B, T, C] to [B, C].</summary>
    internal static Tensor First(Tensor tokens) => Op.Reshape(Op.Slice(tokens, 1, 0, 1), tokens.Shape[0], tokens.Shape[2]);
}
