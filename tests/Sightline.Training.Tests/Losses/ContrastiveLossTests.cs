using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Tests.Golden;
using Sightline.Testing;
using Sightline.Training.Losses;

namespace Sightline.Training.Tests.Losses;

/// <summary>Against the reference implementation in transformers and a plain one of the sigmoid loss.</summary>
[Collection(Alone.Name)]
public sealed class ContrastiveLossTests : TensorTest
{
    public static TheoryData<string> Cases(string op) => OpFixture.Names(op, "losses");

    [Theory]
    [MemberData(nameof(Cases), "info_nce")]
    public void InfoNce_agrees(string name)
    {
        using var scope = TensorScope.Open();
        var fixture = OpFixture.Load("info_nce", "losses")[name];
        var (image, text, scale) = (fixture.Input("image"), fixture.Input("text"), fixture.Input("log_scale"));
        using var tape = Tape.Record();
        var loss = ContrastiveLoss.InfoNce(image, text, scale);
        fixture.CheckOutput(loss, "loss", rtol: 1e-5);
        tape.Backward(loss);
        Check(fixture, ("image", image), ("text", text), ("log_scale", scale));
    }

    [Theory]
    [MemberData(nameof(Cases), "siglip_loss")]
    public void Sigmoid_agrees(string name)
    {
        using var scope = TensorScope.Open();
        var fixture = OpFixture.Load("siglip_loss", "losses")[name];
        var (image, text, scale, bias) = (fixture.Input("image"), fixture.Input("text"), fixture.Input("log_scale"), fixture.Input("bias"));
        using var tape = Tape.Record();
        var loss = ContrastiveLoss.Sigmoid(image, text, scale, bias);
        fixture.CheckOutput(loss, "loss", rtol: 1e-5);
        tape.Backward(loss);
        Check(fixture, ("image", image), ("text", text), ("log_scale", scale), ("bias", bias));
    }

    private static void Check(OpCase fixture, params (string Name, Tensor Value)[] inputs)
    {
        foreach (var (name, value) in inputs) fixture.CheckGrad(value, name, rtol: 1e-4);
    }
}
