using Sightline.Tensors;

namespace Sightline.Checkpoints;

/// <summary>
/// Element types of the safetensors format (names as in the file). Source: huggingface/safetensors, <c>Dtype</c> in
/// <c>safetensors/src/tensor.rs</c>.
/// </summary>
public enum SafetensorsType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,

    /// <summary>IEEE 754 binary16.</summary>
    F16,

    /// <summary>The upper half of a binary32.</summary>
    BF16,
    F32,
    F64,

    /// <summary>8-bit float with 4 exponent bits: readable as raw bytes only.</summary>
    F8E4M3,

    /// <summary>8-bit float with 5 exponent bits: readable as raw bytes only.</summary>
    F8E5M2,

    /// <summary>8-bit power of two: readable as raw bytes only.</summary>
    F8E8M0,

    /// <summary>Two 32-bit floats: readable as raw bytes only.</summary>
    C64,
}

/// <summary>Facts about <see cref="SafetensorsType"/>.</summary>
public static class SafetensorsTypes
{
    private static readonly (SafetensorsType Type, string Name, int Size)[] s_table =
    [
        (SafetensorsType.Bool, "BOOL", 1), (SafetensorsType.U8, "U8", 1), (SafetensorsType.I8, "I8", 1),
        (SafetensorsType.U16, "U16", 2), (SafetensorsType.I16, "I16", 2), (SafetensorsType.U32, "U32", 4),
        (SafetensorsType.I32, "I32", 4), (SafetensorsType.U64, "U64", 8), (SafetensorsType.I64, "I64", 8),
        (SafetensorsType.F16, "F16", 2), (SafetensorsType.BF16, "BF16", 2), (SafetensorsType.F32, "F32", 4),
        (SafetensorsType.F64, "F64", 8), (SafetensorsType.F8E4M3, "F8_E4M3", 1), (SafetensorsType.F8E5M2, "F8_E5M2", 1),
        (SafetensorsType.F8E8M0, "F8_E8M0", 1), (SafetensorsType.C64, "C64", 8),
    ];

    /// <summary>Bytes of one element.</summary>
    public static int Size(this SafetensorsType type) => s_table[(int)type].Size;

    /// <summary>The name in the file's header.</summary>
    public static string FileName(this SafetensorsType type) => s_table[(int)type].Name;

    /// <summary>
    /// The engine type that holds the values without being asked for another: the same where there is one, otherwise the
    /// nearest that holds them (F64 loses bits and becomes Float32). Null for types that are raw bytes only.
    /// </summary>
    public static DType? NaturalDType(this SafetensorsType type) => type switch
    {
        SafetensorsType.F32 or SafetensorsType.F64 => DType.Float32,
        SafetensorsType.BF16 => DType.BFloat16,
        SafetensorsType.F16 => DType.Float16,
        SafetensorsType.I8 => DType.Int8,
        SafetensorsType.U8 or SafetensorsType.I16 or SafetensorsType.U16 or SafetensorsType.I32 => DType.Int32,
        SafetensorsType.U32 or SafetensorsType.I64 or SafetensorsType.U64 => DType.Int64,
        SafetensorsType.Bool => DType.Bool,
        _ => null,
    };

    /// <summary>The file type that holds an engine type exactly.</summary>
    public static SafetensorsType FromDType(DType type) => type switch
    {
        DType.Float32 => SafetensorsType.F32,
        DType.BFloat16 => SafetensorsType.BF16,
        DType.Float16 => SafetensorsType.F16,
        DType.Int8 => SafetensorsType.I8,
        DType.Int32 => SafetensorsType.I32,
        DType.Int64 => SafetensorsType.I64,
        DType.Bool => SafetensorsType.Bool,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type"),
    };

    internal static bool TryParse(string name, out SafetensorsType type)
    {
        foreach (var row in s_table)
        {
            if (row.Name != name) continue;
            type = row.Type;
            return true;
        }

        type = default;
        return false;
    }
}
