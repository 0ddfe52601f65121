using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Golden;

namespace Sightline.Tensors.Tests.Ops;

[Trait("Isa", "each")]
[Collection("Engine")]
public class LinearTests
{
    private static readonly OpFixture s_fixture = OpFixture.Load("linear");

    public static TheoryData<string> Cases => OpFixture.Names("linear");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_the_reference(string name)
    {
        var before = NativePool.Shared.LiveBytes;
        using (TensorScope.Open())
        {
            var fixture = s_fixture[name];
            var (x, w, b) = (fixture.Input("x"), fixture.Input("w"), fixture.OptionalInput("b"));
            fixture.Run(new Dictionary<string, Tensor?> { ["x"] = x, ["w"] = w, ["b"] = b }, () => Op.Linear(x, w, b), gradAtol: 5e-5);
        }

        Assert.Equal(before, NativePool.Shared.LiveBytes);
    }

    [Fact]
    public void Wrong_sizes_are_named()
    {
        using var scope = TensorScope.Open();
        var error = Assert.Throws<ShapeException>(() => Op.Linear(Tensor.Zeros([2, 3]), Tensor.Zeros([4, 5])));
        Assert.Contains("[2, 3]", error.Message);
        Assert.Contains("[4, 5]", error.Message);
    }
}
