using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>The arguments of one quantized linear layer; <see cref="Prepare"/> quantizes the activations.</summary>
internal readonly unsafe struct QuantizedCall(Tensor x, QuantizedWeight weight, float* bias, float* y)
{
    private readonly float* _bias = bias;
    private readonly float* _y = y;

    public int RowCount => x.Shape.Rows;

    /// <summary>The operands with the activations in tiles of this many rows. The caller releases <see cref="QuantizedProduct.Rows"/>.</summary>
    public QuantizedProduct Prepare(int tileRows, int activationBytes)
    {
        var layout = weight.Layout;
        var rows = new QuantizedRows(RowCount, tileRows, layout.Units, layout.Groups, activationBytes);
        var offset = layout.Format == QuantizedFormat.Int8 ? 128 : 8;
        var pieces = new QuantizeRows(rows, (byte*)x.Data, x.DType, RowCount, layout.InputSize, layout.Units, layout.GroupSize, offset, activationBytes);
        CpuEngine.Parallel(ref pieces, rows.Tiles);
        return new QuantizedProduct(layout, weight.Blocks, weight.ChannelScales, rows, RowCount, _bias, _y);
    }
}
