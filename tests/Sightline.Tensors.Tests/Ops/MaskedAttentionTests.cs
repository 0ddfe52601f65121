using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Tensors.Tests.Golden;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class MaskedAttentionTests : TensorTest
{
    private static readonly OpFixture s_fixture = OpFixture.Load("attention");

    public static TheoryData<string> Cases => OpFixture.Names("attention");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_the_reference(string name)
    {
        var fixture = s_fixture[name];
        var (q, k, v) = (fixture.Input("q"), fixture.Input("k"), fixture.Input("v"));
        var mask = fixture.Bool("causal") ? Causal(q.Shape[2], k.Shape[2]) : fixture.OptionalInput("mask");
        float? scale = fixture.Params.TryGetProperty("scale", out _) ? fixture.Float("scale") : null;
        var inputs = new Dictionary<string, Tensor?> { ["q"] = q, ["k"] = k, ["v"] = v, ["mask"] = mask };
        fixture.Run(inputs, () => Op.MaskedAttention(q, k, v, mask, scale), gradAtol: 5e-5);
    }

    [Fact]
    public void A_query_that_sees_nothing_gives_zero()
    {
        var random = new RandomStream(1);
        var (q, k) = (Gradients.Normal(random, [1, 1, 2, 4]), Gradients.Normal(random, [1, 1, 3, 4]));
        var y = Op.MaskedAttention(q, k, k, Tensor.From([false, false, false, true, false, true], [2, 3])).ToArray<float>();
        Assert.All(y[..4], value => Assert.Equal(0, value));
        Assert.All(y[4..], value => Assert.NotEqual(0, value));
    }

    private static Tensor Causal(int queries, int keys)
    {
        var mask = new bool[queries * keys];
        for (var i = 0; i < mask.Length; i++) mask[i] = i % keys <= i / keys;
        return Tensor.From(mask, [queries, keys]);
    }
}
