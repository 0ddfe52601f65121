namespace Sightline.Tensors.Quantized;

/// <summary>How a <see cref="QuantizedWeight"/> stores its numbers.</summary>
public enum QuantizedFormat : byte
{
    /// <summary>Eight bits, -127 to 127, symmetric, with one float32 scale for each output channel: 8 bits a weight.</summary>
    Int8,

    /// <summary>Four bits, -8 to 7, with one bfloat16 scale for each group of 32 inputs: 4.5 bits a weight.</summary>
    Int4,
}
