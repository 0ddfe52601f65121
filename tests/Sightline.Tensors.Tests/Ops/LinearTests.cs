using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Tensors.Tests.Golden;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class LinearTests : TensorTest
{
    private static readonly OpFixture s_fixture = OpFixture.Load("linear");

    public static TheoryData<string> Cases => OpFixture.Names("linear");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_the_reference(string name)
    {
        var fixture = s_fixture[name];
        var (x, w, b) = (fixture.Input("x"), fixture.Input("w"), fixture.OptionalInput("b"));
        fixture.Run(new Dictionary<string, Tensor?> { ["x"] = x, ["w"] = w, ["b"] = b }, () => Op.Linear(x, w, b), gradAtol: 5e-5);
    }

    [Fact]
    public void Wrong_sizes_are_named()
    {
        var error = Assert.Throws<ShapeException>(() => Op.Linear(Tensor.Zeros([2, 3]), Tensor.Zeros([4, 5])));
        Assert.Contains("[2, 3]", error.Message);
        Assert.Contains("[4, 5]", error.Message);
    }
}
