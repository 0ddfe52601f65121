namespace Sightline.Tensors;

/// <summary>Element types of a <see cref="Tensor"/>.</summary>
public enum DType : byte
{
    /// <summary>IEEE 754 binary32; the type of all arithmetic unless a kernel says otherwise.</summary>
    Float32,

    /// <summary>The upper half of a binary32; storage only, arithmetic widens to float32.</summary>
    BFloat16,

    /// <summary>IEEE 754 binary16; storage only, arithmetic widens to float32.</summary>
    Float16,

    /// <summary>Signed 8-bit integer; quantized weights.</summary>
    Int8,

    /// <summary>Signed 32-bit integer.</summary>
    Int32,

    /// <summary>Signed 64-bit integer; token ids and indices.</summary>
    Int64,

    /// <summary>One byte, 0 or 1.</summary>
    Bool,
}

/// <summary>Facts about element types.</summary>
public static class DTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this DType type) => type switch
    {
        DType.Float32 or DType.Int32 => 4,
        DType.BFloat16 or DType.Float16 => 2,
        DType.Int64 => 8,
        DType.Int8 or DType.Bool => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type"),
    };

    /// <summary>True for the types that hold real numbers.</summary>
    public static bool IsFloat(this DType type) => type is DType.Float32 or DType.BFloat16 or DType.Float16;
}
