using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Generation;

/// <summary>
/// The keys and values of past tokens, a slot each, for every layer. Who owns which slot is the engine's business; the model writes
/// where <see cref="LanguageModelInput.Slots"/> says and attends as the layout says.
/// <para>S slots, H key heads, D channels of a head.</para>
/// </summary>
public sealed class KeyValueCache : IDisposable
{
    private readonly Tensor[] _keys;
    private readonly Tensor[] _values;

    /// <summary>Reserves the slots; their contents are arbitrary until written.</summary>
    /// <param name="sizes">Of the model.</param>
    /// <param name="slots">How many tokens fit.</param>
    /// <param name="type">Element type of the storage.</param>
    public KeyValueCache(LanguageModelSizes sizes, int slots, DType type = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(sizes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(slots);
        Slots = slots;
        _keys = new Tensor[sizes.Layers];
        _values = new Tensor[sizes.Layers];
        try
        {
            for (var layer = 0; layer < sizes.Layers; layer++) (_keys[layer], _values[layer]) = (Reserve(sizes, slots, type), Reserve(sizes, slots, type));
        }
        catch
        {
            Dispose(); // what was had before the memory ran out
            throw;
        }
    }

    /// <summary>How many tokens fit.</summary>
    public int Slots { get; }

    /// <summary>Bytes of all slots.</summary>
    public long Bytes => _keys.Sum(tensor => tensor.Bytes) + _values.Sum(tensor => tensor.Bytes);

    /// <summary>All keys and values of a layer, [S, H, D].</summary>
    internal (Tensor Keys, Tensor Values) Of(int layer) => (_keys[layer], _values[layer]);

    /// <summary>The keys of a layer up to a slot, [rows, H, D]; shares memory.</summary>
    public Tensor Keys(int layer, int rows) => Op.Slice(_keys[layer], 0, 0, rows);

    /// <summary>The values of a layer up to a slot, [rows, H, D]; shares memory.</summary>
    public Tensor Values(int layer, int rows) => Op.Slice(_values[layer], 0, 0, rows);

    /// <summary>Stores the keys and values [T, H, D] of tokens at their slots [T].</summary>
    public void Write(int layer, Tensor keys, Tensor values, ReadOnlySpan<int> slots)
    {
        Write(keys, _keys[layer], slots);
        Write(values, _values[layer], slots);
    }

    /// <summary>Copies slots to other slots, in every layer; the ranges do not overlap.</summary>
    public void Copy(int from, int to, int count)
    {
        foreach (var tensor in _keys.Concat(_values))
        {
            var length = tensor.Count / Slots;
            tensor.Engine.CopyRuns(tensor, from * length, length, tensor, to * length, length, count, length);
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        foreach (var tensor in _keys.Concat(_values)) tensor?.Dispose();
    }

    private static Tensor Reserve(LanguageModelSizes sizes, int slots, DType type) => Tensor.Empty([slots, sizes.KeyHeads, sizes.HeadSize], type).AsParameter(requiresGrad: false);

    private static void Write(Tensor source, Tensor target, ReadOnlySpan<int> slots)
    {
        using var stored = source.DType == target.DType ? null : Tensor.Empty(source.Shape, target.DType, source.Engine);
        if (stored is not null) source.Engine.Cast(source, stored);
        var length = target.Count / target.Shape[0];
        for (int start = 0, end; start < slots.Length; start = end)
        {
            for (end = start + 1; end < slots.Length && slots[end] == slots[end - 1] + 1; end++)
            {
            }

            target.Engine.CopyRuns(stored ?? source, start * length, length, target, slots[start] * length, length, end - start, length);
        }
    }
}
