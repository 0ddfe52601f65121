using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>
/// Multi-head attention (Vaswani et al. 2017) between two packed sequences; who sees whom is the layout's business.
/// Parameters <c>query</c>, <c>key</c>, <c>value</c>, <c>output</c>, each a linear layer.
/// </summary>
public sealed class MultiHeadAttention(ParameterScope scope, int channels, int heads, int? contextChannels = null, Initializer? outputInitializer = null)
{
    private readonly Linear _query = new(scope / "query", channels, channels);
    private readonly Linear _key = new(scope / "key", contextChannels ?? channels, channels);
    private readonly Linear _value = new(scope / "value", contextChannels ?? channels, channels);
    private readonly Linear _output = new(scope / "output", channels, channels, initializer: outputInitializer);

    /// <summary>Queries [T, C] look at the context [S, C'] as the layout allows; gives [T, C].</summary>
    public Tensor Forward(Tensor x, Tensor context, AttentionLayout layout)
    {
        var headSize = channels / heads;
        var q = Op.Reshape(_query.Forward(x), x.Shape[0], heads, headSize);               // [T, H, D]
        var k = Op.Reshape(_key.Forward(context), context.Shape[0], heads, headSize);     // [S, H, D]
        var v = Op.Reshape(_value.Forward(context), context.Shape[0], heads, headSize);   // [S, H, D]
        var y = Op.Attention(q, k, v, layout);                                            // [T, H, D]
        return _output.Forward(Op.Reshape(y, x.Shape[0], channels));
    }
}
