using Sightline.Generation;
using Sightline.Tensors;

namespace Sightline.Models.Qwen2;

/// <summary>A layer's part of a key-value cache in one step.</summary>
/// <param name="Cache">The cache of all layers.</param>
/// <param name="Layer">Which layer.</param>
/// <param name="Slots">Where the tokens of the step go, [T].</param>
public readonly record struct LayerCache(KeyValueCache Cache, int Layer, ReadOnlyMemory<int> Slots)
{
    /// <summary>Stores the keys and values [T, H, D] of the step and gives those of all slots up to <paramref name="end"/>, [end, H, D].</summary>
    public (Tensor Keys, Tensor Values) Extend(Tensor keys, Tensor values, int end)
    {
        Cache.Write(Layer, keys, values, Slots.Span);
        return (Cache.Keys(Layer, end), Cache.Values(Layer, end));
    }
}
