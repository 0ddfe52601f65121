using System.Text.Json;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Golden;
using Sightline.Testing;
using Sightline.Training.Losses;

namespace Sightline.Training.Tests.Losses;

/// <summary>
/// Matching, losses and gradients against transformers' DETR, Deformable DETR and Grounding DINO criteria (the last with the class
/// offset put right, see the fixtures' README).
/// </summary>
[Collection(Alone.Name)]
public sealed class SetLossTests : TensorTest
{
    private static readonly (string Name, SetClassification Kind)[] s_kinds =
    [
        ("detr_set_loss", SetClassification.Softmax),
        ("deformable_detr_set_loss", SetClassification.Focal),
        ("grounding_dino_set_loss", SetClassification.TokenFocal),
    ];

    public static TheoryData<string, int> Cases()
    {
        var data = new TheoryData<string, int>();
        foreach (var (op, _) in s_kinds)
        {
            for (var i = 0; i < Json(op).GetArrayLength(); i++) data.Add(op, i);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_transformers(string op, int index)
    {
        using var scope = TensorScope.Open();
        var json = Json(op)[index];
        var name = json.GetProperty("name").GetString()!;
        var kind = Array.Find(s_kinds, entry => entry.Name == op).Kind;
        var tensors = SafetensorsFile.Read(Fixtures.Path("losses", op + ".safetensors"));
        var loss = new SetLoss(Options(kind, json.GetProperty("params")));
        var inputs = new Dictionary<string, Tensor>();
        foreach (var input in (string[])["logits", "boxes", "encoder_logits", "encoder_boxes"])
        {
            if (!tensors.TryGetValue($"{name}/in.{input}", out var entry)) continue;
            inputs[input] = entry.ToTensor();
            inputs[input].RequiresGrad = true;
        }

        var mask = tensors.TryGetValue($"{name}/in.text_mask", out var stored) ? stored.ToTensor() : null;
        var targets = Targets(tensors, name, json.GetProperty("labels").GetArrayLength(), mask is not null);
        var suffix = kind == SetClassification.TokenFocal ? "_intended" : "";
        var parts = json.GetProperty("parts" + suffix);

        using var tape = Tape.Record();
        var layers = inputs["logits"].Shape[0];
        var total = Tensor.Scalar(0);
        for (var layer = 0; layer < layers; layer++)
        {
            var result = loss.Compute(Layer(inputs["logits"], layer), Layer(inputs["boxes"], layer), targets, mask);
            var ending = layer == layers - 1 ? "" : $"_{layer}";
            Check(result, parts, ending);
            if (ending.Length == 0) CheckMatches(result, tensors, name);
            total = Op.Add(total, result.Total);
        }

        if (inputs.TryGetValue("encoder_logits", out var encoderLogits))
        {
            var result = loss.Compute(encoderLogits, inputs["encoder_boxes"], targets, mask);
            Check(result, parts, "_enc");
            total = Op.Add(total, result.Total);
        }

        Near(json.GetProperty("loss" + suffix).GetDouble(), total.Item(), "loss");
        tape.Backward(total);
        CheckGradients(inputs, tensors, name);
    }

    private static SetLossOptions Options(SetClassification kind, JsonElement parameters) => new()
    {
        Classification = kind,
        ClassWeight = kind == SetClassification.TokenFocal ? 2 : 1,
        ClassCost = parameters.GetProperty("class_cost").GetSingle(),
        BoxCost = parameters.GetProperty("bbox_cost").GetSingle(),
        GiouCost = parameters.GetProperty("giou_cost").GetSingle(),
        BoxWeight = parameters.GetProperty("bbox_loss_coefficient").GetSingle(),
        GiouWeight = parameters.GetProperty("giou_loss_coefficient").GetSingle(),
        NothingWeight = parameters.GetProperty("eos_coefficient").GetSingle(),
        FocalAlpha = parameters.GetProperty("focal_alpha").GetSingle(),
    };

    private static void CheckGradients(IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, SafetensorsFile.Entry> tensors, string name)
    {
        foreach (var (input, value) in inputs)
        {
            var expected = (tensors.TryGetValue($"{name}/grad_intended.{input}", out var right) ? right : tensors[$"{name}/grad.{input}"]).Floats();
            var actual = value.Grad!.ToArray<float>();
            for (var i = 0; i < expected.Length; i++)
                Assert.True(Math.Abs(actual[i] - expected[i]) <= 2e-5 + (1e-5 * Math.Abs(expected[i])), $"{name} grad.{input}[{i}]: got {actual[i]:R}, expected {expected[i]:R}");
        }
    }

    private static JsonElement Json(string op)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("losses", op + ".json")));
        return json.RootElement.GetProperty("cases").Clone();
    }

    private static Tensor Layer(Tensor x, int layer) => Op.Reshape(Op.Slice(x, 0, layer, 1), x.Shape[1], x.Shape[2], x.Shape[3]);

    private static List<SetTarget> Targets(IReadOnlyDictionary<string, SafetensorsFile.Entry> tensors, string name, int count, bool tokens)
    {
        var targets = new List<SetTarget>();
        for (var b = 0; b < count; b++)
        {
            using var labels = tensors[$"{name}/label{b}.class_labels"].ToTensor();
            bool[][]? map = null;
            if (tokens)
            {
                using var rows = tensors[$"{name}/in.label_map{b}"].ToTensor();
                map = [.. rows.ToArray<long>().Select(value => value != 0).Chunk(rows.Shape[1])];
            }

            targets.Add(new SetTarget(labels.ToArray<long>(), tensors[$"{name}/label{b}.boxes"].Floats(), map));
        }

        return targets;
    }

    private static void Check(SetLossResult result, JsonElement parts, string ending)
    {
        Near(parts.GetProperty("loss_ce" + ending).GetDouble(), result.Class.Item(), "loss_ce" + ending);
        Near(parts.GetProperty("loss_bbox" + ending).GetDouble(), result.Box.Item(), "loss_bbox" + ending);
        Near(parts.GetProperty("loss_giou" + ending).GetDouble(), result.Giou.Item(), "loss_giou" + ending);
    }

    private static void CheckMatches(SetLossResult result, IReadOnlyDictionary<string, SafetensorsFile.Entry> tensors, string name)
    {
        for (var b = 0; b < result.Matches.Count; b++)
        {
            using var queries = tensors[$"{name}/match{b}.query"].ToTensor();
            using var targets = tensors[$"{name}/match{b}.target"].ToTensor();
            Assert.Equal(queries.ToArray<long>(), result.Matches[b].Queries.Select(q => (long)q));
            Assert.Equal(targets.ToArray<long>(), result.Matches[b].Targets.Select(t => (long)t));
        }
    }

    private static void Near(double expected, double actual, string what) =>
        Assert.True(Math.Abs(actual - expected) <= 2e-6 + (1e-5 * Math.Abs(expected)), $"{what}: got {actual:R}, expected {expected:R}");
}
