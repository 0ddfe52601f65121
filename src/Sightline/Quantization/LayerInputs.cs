using Sightline.Tensors;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Quantized;

namespace Sightline.Quantization;

/// <summary>Rows that linear layers were given on calibration inputs: a few of each call, spread over it.</summary>
internal sealed class LayerInputs
{
    private const int MostRows = 64;
    private const int RowsOfCall = 16;
    private readonly Dictionary<string, List<float[]>> _rows = new(StringComparer.Ordinal);

    /// <summary>A listener of <see cref="Nn.ParameterStore.LinearInputs"/>.</summary>
    public void Add(string path, Tensor x)
    {
        if (!_rows.TryGetValue(path, out var rows)) _rows[path] = rows = [];
        if (rows.Count >= MostRows) return;
        using var scope = TensorScope.Open();
        var (count, width) = ((int)(x.Count / x.Shape.Columns), x.Shape.Columns);
        var flat = Op.Reshape(x, [count, width]);
        var taken = Math.Min(RowsOfCall, Math.Min(count, MostRows - rows.Count));
        for (var i = 0; i < taken; i++)
        {
            var row = Op.Slice(flat, 0, (int)((long)i * count / taken), 1);
            rows.Add((row.DType == DType.Float32 ? row : Op.Cast(row, DType.Float32)).ToArray<float>());
        }
    }

    /// <summary>|y' - y| / |y| of a layer without its bias, or null where it got no input.</summary>
    public double? OutputError(string path, Tensor weight, QuantizedWeight quantized)
    {
        if (!_rows.TryGetValue(path, out var rows) || rows.Count == 0) return null;
        using var scope = TensorScope.Open();
        var x = Tensor.From([.. rows.SelectMany(row => row)], [rows.Count, quantized.InputSize], CpuEngine.Instance); // [R, In]
        return Distance(Op.Linear(x, weight).ToArray<float>(), Op.QuantizedLinear(x, quantized).ToArray<float>());
    }

    /// <summary>|b - a| / |a|; 0 where both are nothing.</summary>
    public static double Distance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var (difference, size) = (0.0, 0.0);
        for (var i = 0; i < a.Length; i++)
        {
            difference += ((double)b[i] - a[i]) * ((double)b[i] - a[i]);
            size += (double)a[i] * a[i];
        }

        return difference == 0 ? 0 : Math.Sqrt(difference / size);
    }
}
