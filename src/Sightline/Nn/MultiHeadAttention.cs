using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>
/// Multi-head attention (Vaswani et al. 2017) between two packed sequences; who sees whom is the layout's business. Four
/// linear layers, under whatever paths they have.
/// </summary>
public sealed class MultiHeadAttention(Linear query, Linear key, Linear value, Linear output, int channels, int heads)
{
    /// <summary>With the parameters <c>query</c>, <c>key</c>, <c>value</c>, <c>output</c>, each a linear layer.</summary>
    public MultiHeadAttention(ParameterScope scope, int channels, int heads, int? contextChannels = null, Initializer? outputInitializer = null)
        : this(
            new Linear(scope / "query", channels, channels),
            new Linear(scope / "key", contextChannels ?? channels, channels),
            new Linear(scope / "value", contextChannels ?? channels, channels),
            new Linear(scope / "output", channels, channels, initializer: outputInitializer),
            channels,
            heads)
    {
    }

    /// <summary>Queries [T, C] look at the context [S, C'] as the layout allows; gives [T, C].</summary>
    public Tensor Forward(Tensor x, Tensor context, AttentionLayout layout)
    {
        var headSize = channels / heads;
        var q = Op.Reshape(query.Forward(x), x.Shape[0], heads, headSize);                // [T, H, D]
        var k = Op.Reshape(key.Forward(context), context.Shape[0], heads, headSize);      // [S, H, D]
        var v = Op.Reshape(value.Forward(context), context.Shape[0], heads, headSize);    // [S, H, D]
        var y = Op.Attention(q, k, v, layout);                                            // [T, H, D]
        return output.Forward(Op.Reshape(y, x.Shape[0], channels));
    }
}
