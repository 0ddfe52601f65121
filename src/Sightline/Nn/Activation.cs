using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>The function between two linear layers.</summary>
public enum Activation
{
    /// <summary>x Φ(x), exact.</summary>
    Gelu,

    /// <summary>The tanh approximation of GELU.</summary>
    GeluTanh,

    /// <summary>x σ(1.702 x), as in CLIP.</summary>
    QuickGelu,

    /// <summary>x σ(x).</summary>
    Silu,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>tanh(x).</summary>
    Tanh,
}

/// <summary>Names and values of <see cref="Activation"/>.</summary>
public static class Activations
{
    /// <summary>From the name that Hugging Face configurations use (<c>hidden_act</c>).</summary>
    /// <exception cref="SightlineException">BadModel: the name is not known.</exception>
    public static Activation Parse(string name) => name switch
    {
        "gelu" or "gelu_python" => Activation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" => Activation.GeluTanh,
        "quick_gelu" => Activation.QuickGelu,
        "silu" or "swish" => Activation.Silu,
        "relu" => Activation.Relu,
        "tanh" => Activation.Tanh,
        _ => throw new SightlineException(ErrorKind.BadModel, $"the activation '{name}' of the model's configuration is not known: known are gelu, gelu_pytorch_tanh, quick_gelu, silu, relu and tanh"),
    };

    /// <summary>Elementwise.</summary>
    public static Tensor Apply(this Activation activation, Tensor x) => activation switch
    {
        Activation.Gelu => Op.Gelu(x),
        Activation.GeluTanh => Op.Gelu(x, GeluKind.Tanh),
        Activation.QuickGelu => Op.Gelu(x, GeluKind.Quick),
        Activation.Silu => Op.Silu(x),
        Activation.Relu => Op.Relu(x),
        Activation.Tanh => Op.Tanh(x),
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "unknown activation"),
    };
}
