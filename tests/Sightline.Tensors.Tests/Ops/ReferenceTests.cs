using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Tensors.Tests.Golden;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>Every case of the operations' fixtures: values and gradients, with the tolerances of their README.</summary>
[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class ReferenceTests : TensorTest
{
    private static readonly (string Fixture, Func<Tensor, Tensor> Apply)[] s_activations =
    [
        ("gelu_erf", x => Op.Gelu(x)),
        ("gelu_tanh", x => Op.Gelu(x, GeluKind.Tanh)),
        ("quick_gelu", x => Op.Gelu(x, GeluKind.Quick)),
        ("silu", Op.Silu),
        ("relu", Op.Relu),
        ("sigmoid", Op.Sigmoid),
        ("tanh", Op.Tanh),
        ("softplus", Op.Softplus),
        ("logsigmoid", Op.LogSigmoid),
        ("logit_eps1e-5", x => Op.Logit(x, 1e-5f)),
    ];

    public static TheoryData<string, string> Activations()
    {
        var data = new TheoryData<string, string>();
        foreach (var (fixture, _) in s_activations)
        {
            foreach (var row in OpFixture.Names(fixture)) data.Add(fixture, row.Data);
        }

        return data;
    }

    public static TheoryData<string> Cases(string op) => OpFixture.Names(op);

    [Theory]
    [MemberData(nameof(Activations))]
    public void Activation(string op, string name)
    {
        var fixture = OpFixture.Load(op)[name];
        var apply = Array.Find(s_activations, entry => entry.Fixture == op).Apply;
        var x = fixture.Input("x");
        // the extreme outputs of logit carry the rounding of 1 - 1e-5 (README: compare the edge case at 2e-3)
        fixture.Run(new Dictionary<string, Tensor?> { ["x"] = x }, () => apply(x), atol: op.StartsWith("logit", StringComparison.Ordinal) && name == "edge" ? 2e-3 : 2e-6);
    }

    [Theory]
    [MemberData(nameof(Cases), "softmax")]
    public void Softmax(string name)
    {
        var fixture = OpFixture.Load("softmax")[name];
        var (x, mask) = (fixture.Input("x"), fixture.OptionalInput("mask"));
        fixture.Run(new Dictionary<string, Tensor?> { ["x"] = x }, () => Op.Softmax(x, mask));
    }

    [Theory]
    [MemberData(nameof(Cases), "layer_norm")]
    public void LayerNorm(string name)
    {
        var fixture = OpFixture.Load("layer_norm")[name];
        var (x, w, b) = (fixture.Input("x"), fixture.Input("w"), fixture.Input("b"));
        fixture.Run(new Dictionary<string, Tensor?> { ["x"] = x, ["w"] = w, ["b"] = b }, () => Op.LayerNorm(x, w, b, fixture.Float("eps")));
    }

    [Theory]
    [MemberData(nameof(Cases), "rms_norm")]
    public void RmsNorm(string name)
    {
        var fixture = OpFixture.Load("rms_norm")[name];
        var (x, w) = (fixture.Input("x"), fixture.Input("w"));
        fixture.Run(new Dictionary<string, Tensor?> { ["x"] = x, ["w"] = w }, () => Op.RmsNorm(x, w, fixture.Float("eps")));
    }

    [Theory]
    [MemberData(nameof(Cases), "group_norm")]
    public void GroupNorm(string name)
    {
        var fixture = OpFixture.Load("group_norm")[name];
        var (x, w, b) = (fixture.Input("x"), fixture.Input("w"), fixture.Input("b"));
        var inputs = new Dictionary<string, Tensor?> { ["x"] = x, ["w"] = w, ["b"] = b };
        fixture.Run(inputs, () => Op.GroupNorm(x, fixture.Int("groups"), w, b, fixture.Float("eps")));
    }

    [Theory]
    [MemberData(nameof(Cases), "group_norm")]
    public void GroupNorm_with_channels_last(string name)
    {
        var fixture = OpFixture.Load("group_norm")[name];
        var (x, w, b) = (fixture.Input("x"), fixture.Input("w"), fixture.Input("b"));
        var inputs = new Dictionary<string, Tensor?> { ["x"] = x, ["w"] = w, ["b"] = b };
        fixture.Run(inputs, () => Op.Transpose(Op.GroupNorm(Op.Transpose(x, 0, 2, 3, 1), fixture.Int("groups"), w, b, fixture.Float("eps"), channelsLast: true), 0, 3, 1, 2));
    }

    [Theory]
    [MemberData(nameof(Cases), "embedding")]
    public void Embedding(string name)
    {
        var fixture = OpFixture.Load("embedding")[name];
        var (w, ids) = (fixture.Input("w"), fixture.Input("ids"));
        int? padding = fixture.Params.GetProperty("padding_idx").ValueKind == System.Text.Json.JsonValueKind.Number ? fixture.Int("padding_idx") : null;
        fixture.Run(new Dictionary<string, Tensor?> { ["w"] = w }, () => Op.Embedding(w, ids, padding), atol: 0);
    }

    [Theory]
    [MemberData(nameof(Cases), "normalize_l2")]
    public void L2Normalize(string name)
    {
        var fixture = OpFixture.Load("normalize_l2")[name];
        var x = fixture.Input("x");
        using var tape = Tape.Record();
        var clamped = Op.L2Normalize(x);
        var plain = Op.L2Normalize(x, 0);
        fixture.CheckOutput(clamped, "clamped");
        fixture.CheckOutput(plain, "plain");
        var total = Op.Add(Op.Sum(Op.Mul(clamped, fixture.Upstream("clamped"))), Op.Sum(Op.Mul(plain, fixture.Upstream("plain"))));
        tape.Backward(total);
        fixture.CheckGrad(x, "x");
    }

    [Theory]
    [MemberData(nameof(Cases), "grid_sample")]
    public void GridSample(string name)
    {
        var fixture = OpFixture.Load("grid_sample")[name];
        var (x, grid) = (fixture.Input("x"), fixture.Input("grid"));
        fixture.Run(new Dictionary<string, Tensor?> { ["x"] = x, ["grid"] = grid }, () => Op.GridSample(x, grid, fixture.Bool("align_corners")), gradAtol: 5e-5);
    }

    [Theory]
    [MemberData(nameof(Cases), "interpolate")]
    public void Interpolate(string name)
    {
        var fixture = OpFixture.Load("interpolate")[name];
        var x = fixture.Input("x");
        var size = fixture.Params.GetProperty("size");
        var mode = fixture.Text("mode") switch { "nearest" => Interpolation.Nearest, "bilinear" => Interpolation.Bilinear, _ => Interpolation.Bicubic };
        var align = fixture.Params.GetProperty("align_corners").ValueKind == System.Text.Json.JsonValueKind.True;
        fixture.Run(new Dictionary<string, Tensor?> { ["x"] = x }, () => Op.Interpolate(x, size[0].GetInt32(), size[1].GetInt32(), mode, align, fixture.Bool("antialias")));
    }

    [Theory]
    [MemberData(nameof(Cases), "ms_deformable_attention")]
    public void DeformableAttention(string name)
    {
        var fixture = OpFixture.Load("ms_deformable_attention")[name];
        var (value, locations, weights) = (fixture.Input("value"), fixture.Input("locations"), fixture.Input("weights"));
        var levels = fixture.Params.GetProperty("levels").EnumerateArray().Select(level => (level[0].GetInt32(), level[1].GetInt32())).ToArray();
        var inputs = new Dictionary<string, Tensor?> { ["value"] = value, ["locations"] = locations, ["weights"] = weights };
        fixture.Run(inputs, () => Op.DeformableAttention(value, levels, locations, weights), gradAtol: 5e-5);
    }

    [Theory]
    [MemberData(nameof(Cases), "rope")]
    public void Rope(string name)
    {
        var fixture = OpFixture.Load("rope")[name];
        var x = fixture.Input("x");
        var (cos, sin) = Op.RopeTables(fixture.Input("pos"), x.Shape[^1], fixture.Float("theta"));
        fixture.Run(new Dictionary<string, Tensor?> { ["x"] = x }, () => Op.Rope(x, cos, sin));
    }

    [Theory]
    [MemberData(nameof(Cases), "sine_position_embedding")]
    public void SinePositionEmbedding(string name)
    {
        var fixture = OpFixture.Load("sine_position_embedding")[name];
        var x = fixture.Input("x");
        fixture.Run(new Dictionary<string, Tensor?>(), () => Op.SinePositionEmbedding(x, fixture.Int("num_pos_feats")));
    }
}
