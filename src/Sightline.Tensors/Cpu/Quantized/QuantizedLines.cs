using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>
/// A quantized weight [output, input] as the right operand of dx = dy W: its lines are inputs, the summed index is the
/// output channel. Dequantized while it is packed, so that only a block exists in float32 at a time.
/// </summary>
internal readonly unsafe struct QuantizedLines(QuantizedWeight weight) : IPanelSource
{
    public bool InPlace => false;

    public bool StepsApart => false;

    public TileLines LinesAt(int first, int k0) => throw new InvalidOperationException("this operand must be packed");

    public void Pack(float* target, int width, int first, int count, int k0, int K)
    {
        var layout = weight.Layout;
        var blocks = weight.Blocks;
        for (var k = 0; k < K; k++, target += width)
        {
            var channel = k0 + k;
            for (var i = 0; i < count;)
            {
                // up to the end of the group that shares a scale
                var end = Math.Min(count, i + layout.GroupSize - ((first + i) % layout.GroupSize));
                var scale = weight.ScaleAt(channel, first + i);
                for (; i < end; i++) target[i] = layout.Read(blocks, channel, first + i) * scale;
            }

            for (var i = count; i < width; i++) target[i] = 0;
        }
    }
}
