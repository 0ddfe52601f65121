using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>The arguments of one product with quantized weights; <see cref="Prepare"/> quantizes the rows.</summary>
internal readonly unsafe struct QuantizedCall
{
    private readonly Tensor _x;
    private readonly PanelLayout _layout;
    private readonly byte* _blocks;
    private readonly float* _channelScales;
    private readonly float* _bias;
    private readonly float* _y;
    private readonly float* _factors;
    private readonly RowRounding _rounding;
    private readonly bool _adds;

    /// <summary>A linear layer: y = x Wᵀ + b.</summary>
    public QuantizedCall(Tensor x, QuantizedWeight weight, float* bias, float* y)
    {
        (_x, _layout) = (x, weight.Layout);
        _blocks = weight.Blocks;
        _channelScales = weight.ChannelScales;
        _bias = bias;
        _y = y;
    }

    /// <summary>A part of its gradient: dx = (dy · scales) W without scales, or added to what is there.</summary>
    /// <param name="dy">[M, outputs].</param>
    /// <param name="layout">Of the transposed weight.</param>
    /// <param name="blocks">Its numbers.</param>
    /// <param name="factors">A factor for each column of dy, padded to whole blocks.</param>
    /// <param name="rounding">Which part.</param>
    /// <param name="dx">[M, inputs].</param>
    /// <param name="adds">Add.</param>
    public QuantizedCall(Tensor dy, PanelLayout layout, byte* blocks, float* factors, RowRounding rounding, float* dx, bool adds)
    {
        (_x, _layout, _rounding, _adds) = (dy, layout, rounding, adds);
        _blocks = blocks;
        _factors = factors;
        _y = dx;
    }

    public int RowCount => _x.Shape.Rows;

    public QuantizedFormat Format => _layout.Format;

    /// <summary>The operands with the rows in tiles of this many. The caller releases <see cref="QuantizedProduct.Rows"/>.</summary>
    public QuantizedProduct Prepare(int tileRows, int activationBytes)
    {
        var rows = new QuantizedRows(RowCount, tileRows, _layout.Units, _layout.Groups, activationBytes);
        var source = new QuantizeRows.Source((byte*)_x.Data, _x.DType, RowCount, _layout.InputSize, _factors);
        var pieces = new QuantizeRows(rows, source, _layout, activationBytes, _rounding);
        CpuEngine.Parallel(ref pieces, rows.Tiles);
        return new QuantizedProduct(_layout, _blocks, _channelScales, rows, RowCount, _bias, _y, _adds);
    }
}
