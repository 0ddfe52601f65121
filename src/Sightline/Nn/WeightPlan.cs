using Sightline.Tensors.Quantized;

namespace Sightline.Nn;

/// <summary>
/// Which <see cref="WeightFormat"/> each matrix gets when a model is loaded for inference. The plan knows paths, the model's code does not know
/// the plan. Only linear layers can be quantized; other matrices (token tables, kernels) stay as they are stored.
/// </summary>
/// <param name="Format">For all matrices that no exception names.</param>
/// <param name="Exceptions">
/// Part of a path and the format for what it names; the first that fits decides. <c>visual</c>, <c>layers.0</c> or <c>down_proj</c> name
/// every path that has these parts, one after another, between dots.
/// </param>
public sealed record WeightPlan(WeightFormat Format, params IReadOnlyList<(string Part, WeightFormat Format)> Exceptions)
{
    /// <summary>Everything as it is stored.</summary>
    public static WeightPlan AsStored { get; } = new(WeightFormat.AsStored);

    /// <summary>Linear layers in a quantized form, but for the parts that are named, which stay as they are stored.</summary>
    public static WeightPlan Quantized(QuantizedFormat format, params IEnumerable<string> dense) =>
        new(format == QuantizedFormat.Int8 ? WeightFormat.Int8 : WeightFormat.Int4, [.. dense.Select(part => (part, WeightFormat.AsStored))]);

    /// <summary>The format of the matrix at a path.</summary>
    public WeightFormat Of(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var dotted = $".{path}.";
        foreach (var (part, format) in Exceptions)
        {
            if (dotted.Contains($".{part}.", StringComparison.Ordinal)) return format;
        }

        return Format;
    }

    /// <summary>From text: a format, then exceptions, as <c>int4,visual=int8,lm_head=as-stored</c>.</summary>
    /// <exception cref="SightlineException">Usage: a format is not known.</exception>
    public static WeightPlan Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        var exceptions = new List<(string, WeightFormat)>();
        foreach (var part in parts.AsSpan(1))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0) throw new SightlineException(ErrorKind.Usage, $"'{part}' in the weight plan '{text}' is not PART=FORMAT, as visual=int8");
            exceptions.Add((part[..equals], ParseFormat(part[(equals + 1)..])));
        }

        return new WeightPlan(ParseFormat(parts[0]), [.. exceptions]);
    }

    /// <summary>As <see cref="Parse"/> reads it.</summary>
    public override string ToString() => string.Join(',', Exceptions.Select(exception => $"{exception.Part}={NameOf(exception.Format)}").Prepend(NameOf(Format)));

    private static string NameOf(WeightFormat format) => format switch
    {
        WeightFormat.Float32 => "float32",
        WeightFormat.BFloat16 => "bfloat16",
        WeightFormat.Int8 => "int8",
        WeightFormat.Int4 => "int4",
        _ => "as-stored",
    };

    private static WeightFormat ParseFormat(string name) => name switch
    {
        "as-stored" => WeightFormat.AsStored,
        "float32" or "f32" => WeightFormat.Float32,
        "bfloat16" or "bf16" => WeightFormat.BFloat16,
        "int8" => WeightFormat.Int8,
        "int4" => WeightFormat.Int4,
        _ => throw new SightlineException(ErrorKind.Usage, $"the weight format '{name}' is not known: known are as-stored, float32, bfloat16, int8 and int4"),
    };
}
