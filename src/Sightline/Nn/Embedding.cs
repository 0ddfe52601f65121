using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>A table of vectors by id. Parameter <c>weight</c> [Entries, C]. The row of <paramref name="padding"/>, if any, gets no gradient.</summary>
public sealed class Embedding(ParameterScope scope, int entries, int channels, int? padding = null)
{
    private readonly Tensor _weight = scope.Get("weight", [entries, channels], Initializer.TruncatedNormal(), table: true);

    /// <summary>ids [T] (int64) to [T, C].</summary>
    public Tensor Forward(Tensor ids) => Op.Embedding(_weight, ids, padding);
}
