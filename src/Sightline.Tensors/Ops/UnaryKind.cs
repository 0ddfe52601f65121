namespace Sightline.Tensors.Ops;

/// <summary>Functions of one number that an engine applies elementwise, with their gradients.</summary>
public enum UnaryKind : byte
{
    Neg,
    Exp,
    Log,
    Sqrt,
    Square,
    Abs,
    Relu,
    Sigmoid,
    Tanh,
    GeluErf,
    GeluTanh,
    QuickGelu,
    Silu,
    Softplus,
    LogSigmoid,

    /// <summary>Parameter a: eps.</summary>
    Logit,

    /// <summary>Parameters a and b: the ends.</summary>
    Clamp,

    /// <summary>Parameter a: the factor.</summary>
    Scale,

    /// <summary>Parameter a: the term.</summary>
    AddScalar,
}

/// <summary>Which of the three published forms of GELU.</summary>
public enum GeluKind : byte
{
    /// <summary>x Φ(x).</summary>
    Erf,

    /// <summary>The tanh approximation.</summary>
    Tanh,

    /// <summary>x σ(1.702 x), as in CLIP.</summary>
    Quick,
}
