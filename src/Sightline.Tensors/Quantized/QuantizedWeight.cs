using Sightline.Tensors.Cpu;

namespace Sightline.Tensors.Quantized;

/// <summary>
/// The frozen weight matrix of a linear layer in 8 or 4.5 bits a number, packed once for the kernels of
/// <see cref="Ops.Op.QuantizedLinear"/>. What it stands for is exactly <see cref="Dequantize"/>: number times scale. The
/// int4 rule (the scale puts the largest magnitude of a group at -8, so that all 16 levels are used) is that of GGML's Q4_0
/// format, with a bfloat16 instead of a float16 scale. Owns native memory; dispose it.
/// </summary>
public sealed unsafe class QuantizedWeight : IDisposable
{
    private readonly Tensor _blocks;
    private readonly Tensor? _channelScales;
    private readonly Dictionary<Engine, IDisposable> _forms = [];

    private QuantizedWeight(PanelLayout layout, Tensor blocks, Tensor? channelScales) => (Layout, _blocks, _channelScales) = (layout, blocks, channelScales);

    private QuantizedWeight(QuantizedFormat format, int outputSize, int inputSize)
    {
        Layout = new PanelLayout(format, outputSize, inputSize);
        _blocks = Tensor.Empty([Layout.Blocks, checked((int)Layout.BlockBytes)], DType.Int8, CpuEngine.Instance).AsParameter(requiresGrad: false);
        if (format == QuantizedFormat.Int8)
            _channelScales = Tensor.Empty([Layout.Panels * PanelLayout.Channels], DType.Float32, CpuEngine.Instance).AsParameter(requiresGrad: false);
    }

    /// <summary>Eight or four bits.</summary>
    public QuantizedFormat Format => Layout.Format;

    /// <summary>Rows of the matrix: features that come out.</summary>
    public int OutputSize => Layout.OutputSize;

    /// <summary>Columns of the matrix: features that go in.</summary>
    public int InputSize => Layout.InputSize;

    /// <summary>Inputs that share an activation scale: 128 for int8, 32 for int4.</summary>
    public int ActivationGroup => Layout.GroupSize;

    /// <summary>Bytes of numbers and scales.</summary>
    public long Bytes => _blocks.Bytes + (_channelScales?.Bytes ?? 0);

    internal PanelLayout Layout { get; }

    internal byte* Blocks => (byte*)_blocks.Data;

    /// <summary>One scale for each output channel, padded with zeros to whole blocks; null for int4.</summary>
    internal float* ChannelScales => _channelScales is null ? null : _channelScales.F32;

    /// <summary>
    /// Quantizes a weight matrix: int8 with scale = max|w| / 127 of the row, int4 with scale = extreme / -8 of the group;
    /// numbers round to nearest even. A row or group with NaN or infinity gets a NaN scale, so that it cannot go unseen.
    /// </summary>
    /// <param name="weight">float32, bfloat16 or float16, [output, input], on any engine.</param>
    /// <param name="format">Eight or four bits.</param>
    /// <exception cref="ShapeException">Not a matrix of floats.</exception>
    public static QuantizedWeight Quantize(Tensor weight, QuantizedFormat format)
    {
        if (weight.Shape.Rank != 2 || !weight.DType.IsFloat()) throw new ShapeException($"QuantizedWeight: needs a matrix [output, input] of floats, got {weight}");
        using var moved = weight.IsOnHost ? null : weight.To(CpuEngine.Instance);
        var result = new QuantizedWeight(format, weight.Shape[0], weight.Shape[1]);
        var pieces = new QuantizePieces(result.Layout, result.Blocks, result.ChannelScales, (byte*)(moved ?? weight).Data, weight.DType);
        CpuEngine.Parallel(ref pieces, result.Layout.Blocks);
        return result;
    }

    /// <summary>Packs numbers that were quantized before (a file written by <see cref="Values"/> and <see cref="Scales"/>).</summary>
    /// <param name="values">int8 [output, input]; -127 to 127 (int8) or -8 to 7 (int4).</param>
    /// <param name="scales">float32 [output] (int8), or bfloat16 or float32 [output, ceil(input / 32)] (int4; float32 is rounded to bfloat16).</param>
    /// <param name="format">Eight or four bits.</param>
    /// <exception cref="ShapeException">Shapes, types or values do not fit.</exception>
    public static QuantizedWeight FromValues(Tensor values, Tensor scales, QuantizedFormat format)
    {
        if (values.Shape.Rank != 2 || values.DType != DType.Int8) throw new ShapeException($"QuantizedWeight: values must be Int8 [output, input], got {values}");
        var layout = new PanelLayout(format, values.Shape[0], values.Shape[1]);
        Shape expected = format == QuantizedFormat.Int8 ? [layout.OutputSize] : [layout.OutputSize, layout.Groups];
        if (scales.Shape != expected || !scales.DType.IsFloat()) throw new ShapeException($"QuantizedWeight: {format} scales for {values} must be floats {expected}, got {scales}");
        var numbers = values.ToArray<sbyte>();
        var (low, high) = format == QuantizedFormat.Int8 ? (-127, 127) : (-8, 7);
        if (Array.Exists(numbers, number => number < low || number > high)) throw new ShapeException($"QuantizedWeight: {format} values must lie in {low} to {high}");
        using var wide = Tensor.Empty(scales.Shape, DType.Float32, CpuEngine.Instance);
        using var moved = scales.IsOnHost ? null : scales.To(CpuEngine.Instance);
        CpuEngine.Instance.Cast(moved ?? scales, wide);
        var result = new QuantizedWeight(format, layout.OutputSize, layout.InputSize);
        result.Pack(numbers, wide.F32);
        return result;
    }

    /// <summary>The version of the packed form. A change of <see cref="PackedBlocks"/> or <see cref="PackedScales"/> raises it.</summary>
    public const int PackingVersion = 1;

    /// <summary>The packed numbers as the kernels read them, of this weight's memory: int8 [blocks, bytes], 64-byte units; docs/guide/quantize.md has the order.</summary>
    public Tensor PackedBlocks => _blocks;

    /// <summary>The float32 scales of the output channels, padded with zeros to whole blocks of 32, of this weight's memory; null for int4, whose scales stand in the blocks.</summary>
    public Tensor? PackedScales => _channelScales;

    /// <summary>Shapes of <see cref="PackedBlocks"/> and <see cref="PackedScales"/> for a matrix.</summary>
    public static (Shape Blocks, Shape? Scales) PackedShapes(QuantizedFormat format, int outputSize, int inputSize)
    {
        var layout = new PanelLayout(format, outputSize, inputSize);
        return ([layout.Blocks, checked((int)layout.BlockBytes)], format == QuantizedFormat.Int8 ? [layout.Panels * PanelLayout.Channels] : null);
    }

    /// <summary>A weight over numbers that were packed before, which are neither copied nor changed: they may lie in a mapped file. Takes both tensors over.</summary>
    /// <exception cref="ShapeException">Shapes or types are not those of <see cref="PackedShapes"/>.</exception>
    public static QuantizedWeight FromPacked(Tensor blocks, Tensor? scales, QuantizedFormat format, int outputSize, int inputSize)
    {
        var shapes = PackedShapes(format, outputSize, inputSize);
        if (blocks.Shape != shapes.Blocks || blocks.DType != DType.Int8 || !blocks.IsOnHost) throw new ShapeException($"QuantizedWeight: packed numbers of {format} [{outputSize}, {inputSize}] must be Int8 {shapes.Blocks}, got {blocks}");
        if (scales?.Shape != shapes.Scales || (scales is not null && (scales.DType != DType.Float32 || !scales.IsOnHost))) throw new ShapeException($"QuantizedWeight: scales of {format} [{outputSize}, {inputSize}] do not fit: {scales?.ToString() ?? "none"}");
        return new QuantizedWeight(new PanelLayout(format, outputSize, inputSize), blocks.AsParameter(requiresGrad: false), scales?.AsParameter(requiresGrad: false));
    }

    /// <summary>The matrix that this weight stands for: float32 [output, input]. The specification of all kernels.</summary>
    public Tensor Dequantize()
    {
        var result = Tensor.Empty([OutputSize, InputSize], DType.Float32, CpuEngine.Instance);
        var pieces = new DequantizePieces(this, result.F32);
        CpuEngine.Parallel(ref pieces, OutputSize);
        return result;
    }

    /// <summary>The numbers without their scales: int8 [output, input].</summary>
    public Tensor Values()
    {
        var result = Tensor.Empty([OutputSize, InputSize], DType.Int8, CpuEngine.Instance);
        var target = (sbyte*)result.Data;
        for (var n = 0; n < OutputSize; n++)
        {
            for (var k = 0; k < InputSize; k++) target[((long)n * InputSize) + k] = (sbyte)Layout.Read(Blocks, n, k);
        }

        return result;
    }

    /// <summary>The scales: float32 [output] (int8) or bfloat16 [output, groups] (int4).</summary>
    public Tensor Scales()
    {
        if (_channelScales is not null) return Tensor.From<float>(new ReadOnlySpan<float>(ChannelScales, OutputSize), [OutputSize], CpuEngine.Instance);
        var result = Tensor.Empty([OutputSize, Layout.Groups], DType.BFloat16, CpuEngine.Instance);
        for (var n = 0; n < OutputSize; n++)
        {
            for (var g = 0; g < Layout.Groups; g++) ((BFloat16*)result.Data)[((long)n * Layout.Groups) + g] = *Layout.GroupScale(Blocks, n, g);
        }

        return result;
    }

    /// <summary>
    /// This weight as another engine packed it for its own kernels (from <see cref="Values"/> and <see cref="Scales"/>): made by the first
    /// call, kept, and disposed with the weight.
    /// </summary>
    public TForm FormOf<TForm>(Engine engine, Func<QuantizedWeight, TForm> pack)
        where TForm : class, IDisposable
    {
        lock (_forms)
        {
            if (_forms.TryGetValue(engine, out var found)) return (TForm)found;
            var form = pack(this);
            _forms.Add(engine, form);
            return form;
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        lock (_forms)
        {
            foreach (var form in _forms.Values) form.Dispose();
            _forms.Clear();
        }

        _blocks.Dispose();
        _channelScales?.Dispose();
    }

    /// <summary>As in error messages: <c>Int8 weight [8960, 1536]</c>.</summary>
    public override string ToString() => $"{Format} weight [{OutputSize}, {InputSize}]";

    /// <summary>The scale of an output channel at an input.</summary>
    internal float ScaleAt(int channel, int input) =>
        _channelScales is not null ? ChannelScales[channel] : (float)*Layout.GroupScale(Blocks, channel, input / Layout.GroupSize);

    private void Pack(ReadOnlySpan<sbyte> numbers, float* scales)
    {
        for (var block = 0; block < Layout.Blocks; block++) Layout.Clear(Blocks, block);
        if (ChannelScales is not null) new Span<float>(ChannelScales, Layout.Panels * PanelLayout.Channels).Clear();
        for (var n = 0; n < OutputSize; n++)
        {
            for (var k = 0; k < InputSize; k++) Layout.Write(Blocks, n, k, numbers[(n * InputSize) + k]);
            if (ChannelScales is not null) ChannelScales[n] = scales[n];
            else for (var g = 0; g < Layout.Groups; g++) *Layout.GroupScale(Blocks, n, g) = (BFloat16)scales[((long)n * Layout.Groups) + g];
        }
    }
}
