namespace Sightline.Nn;

/// <summary>How the matrix of a layer is kept in memory for inference. Vectors (biases, norms) are always float32.</summary>
public enum WeightFormat
{
    /// <summary>As the file has it: straight from the mapped file where that is possible.</summary>
    AsStored,

    /// <summary>32 bits.</summary>
    Float32,

    /// <summary>16 bits, the upper half of a float32.</summary>
    BFloat16,

    /// <summary>8 bits and a scale for each output channel; activations are rounded to 8 bits as well.</summary>
    Int8,

    /// <summary>4 bits and a scale for 32 inputs; activations are rounded to 8 bits.</summary>
    Int4,
}
