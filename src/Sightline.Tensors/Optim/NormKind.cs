namespace Sightline.Tensors.Optim;

/// <summary>Norms of a tensor's elements.</summary>
public enum NormKind : byte
{
    /// <summary>√Σ x².</summary>
    Two,

    /// <summary>Σ |x|.</summary>
    One,

    /// <summary>max |x|; a NaN wins.</summary>
    Infinity,
}
