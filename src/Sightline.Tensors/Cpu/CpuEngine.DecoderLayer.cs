using Sightline.Tensors.Cpu.Decoding;
using Sightline.Tensors.Cpu.Quantized;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe bool DecoderLayer(DecoderLayer layer, in DecoderStep step, Tensor y)
    {
        var (T, C) = (step.X.Shape[0], step.X.Shape[1]);
        if (T is 0 or > MaxThinRows || !ThinBlocks.IsSupported || step.X.DType != DType.Float32 || C != layer.Query.InputSize) return false;
        if (layer.Query.Format != layer.Key.Format || layer.Query.Format != layer.Value.Format || layer.Gate.Format != layer.Up.Format) return false;
        if (step.Slots.Length != T || step.Layout.QueryEnd > T || step.Layout.KeyEnd > step.Keys.Shape[0]) return false;
        var groups = FewQueries(step.Layout, layer.Heads / layer.KeyHeads, out var others);
        var covered = 0;
        foreach (var group in groups) covered += step.Layout.Groups[group].Length;
        if (others || covered != T) return false;
        var slots = step.Slots.Span;
        foreach (var slot in slots)
        {
            if ((uint)slot >= (uint)step.Keys.Shape[0]) throw new ShapeException($"DecoderLayer: slot {slot}, but the cache has {step.Keys.Shape[0]}");
        }

        var memory = NativePool.Shared.Rent(LayerPhases.FloatsFor(layer, T) * sizeof(float));
        LayerPhases phases = default;
        try
        {
            fixed (int* at = slots)
            {
                phases = new LayerPhases(layer, step, y, groups, at, (float*)memory.Pointer);
                ThreadTeam.Shared.RunPhases(ref phases);
            }
        }
        finally
        {
            phases.Release();
            memory.Release();
        }

        return true;
    }
}
