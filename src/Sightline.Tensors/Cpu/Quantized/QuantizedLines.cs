using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>
/// A quantized weight [output, input] as the right operand of dx = dy W: its lines are inputs, the summed index is the
/// output channel. Dequantized while it is packed, so that only a block exists in float32 at a time.
/// </summary>
internal readonly unsafe struct QuantizedLines(QuantizedWeight weight) : IPanelSource
{
    private const int Together = PanelLayout.UnitPositions;
    private readonly byte* _blocks = weight.Blocks;

    public bool InPlace => false;

    public bool StepsApart => false;

    public TileLines LinesAt(int first, int k0) => throw new InvalidOperationException("this operand must be packed");

    public void Pack(float* target, int width, int first, int count, int k0, int K)
    {
        for (var k = 0; k < K; k++, target += width)
        {
            var i = 0;
            for (; first % Together == 0 && i <= count - Together; i += Together) Unit(k0 + k, first + i).Store(target + i);
            for (; i < count; i++) target[i] = weight.Layout.Read(_blocks, k0 + k, first + i) * weight.ScaleAt(k0 + k, first + i);
            for (; i < width; i++) target[i] = 0;
        }
    }

    /// <summary>A channel's eight inputs from a multiple of eight on.</summary>
    private Vector256<float> Unit(int channel, int input)
    {
        var layout = weight.Layout;
        var isInt8 = layout.Format == QuantizedFormat.Int8;
        var at = _blocks + (channel / PanelLayout.BlockChannels * layout.BlockBytes) + layout.UnitOffset(input / Together)
            + (channel % PanelLayout.BlockChannels / PanelLayout.Channels * layout.UnitBytes) + (channel % PanelLayout.Channels * 4);
        var low = *(uint*)at;
        var high = isInt8 ? *(uint*)(at + 32) : (low >> 4) & 0x0F0F0F0F;
        if (!isInt8) low &= 0x0F0F0F0F;
        var shorts = Vector128.WidenLower(Vector128.CreateScalar(low | ((ulong)high << 32)).AsByte());
        var numbers = Vector256.Create(Vector128.WidenLower(shorts), Vector128.WidenUpper(shorts)).AsInt32() - Vector256.Create(isInt8 ? 128 : 8);
        return Vector256.ConvertToSingle(numbers) * Vector256.Create(weight.ScaleAt(channel, input));
    }
}
