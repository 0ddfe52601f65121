using Sightline.Models.Clip;
using Sightline.Models.Siglip;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Testing;
using Sightline.Training.Losses;

namespace Sightline.Training.Tests.Models;

/// <summary>The losses of whole published models and their gradients, down to every parameter.</summary>
[Collection(Alone.Name)]
public sealed class ContrastiveModelTests : TensorTest
{
    [Fact]
    public void Clip_trains_as_the_reference()
    {
        using var scope = TensorScope.Open();
        var golden = new ModelGolden("models", "clip", "golden.safetensors");
        using var loaded = ClipModel.Load(Fixtures.Path("models", "clip"));
        var model = loaded.Model;
        using var tape = Tape.Record();
        var images = model.ProjectImages(model.Vision.Forward(golden.Pixels("in.pixel_values")).Pooled!);

        // the reference pads, which changes nothing for the real tokens of a causal model
        var (ids, mask) = (golden.Tensors.Longs("in.input_ids"), golden.Tensors.Longs("in.attention_mask"));
        const int L = 11;
        int[] lengths = [.. Enumerable.Range(0, 3).Select(p => (int)mask.AsSpan(p * L, L).ToArray().Sum())];
        long[] packed = [.. ids.Where((_, i) => mask[i] == 1)];
        long[] places = [.. lengths.SelectMany(length => Enumerable.Range(0, length).Select(i => (long)i))];
        var states = model.Text.Forward(Tensor.From(packed, [packed.Length]), Tensor.From(places, [places.Length]), AttentionLayout.Packed(lengths, causal: true));
        var texts = model.ProjectTexts(Op.IndexRows(states, model.Text.SummaryRows(packed, lengths)));

        golden.Check("out.image_embeds", Op.L2Normalize(images));
        golden.Check("out.text_embeds", Op.L2Normalize(texts));
        golden.Check("out.logits_per_text", model.LogitsPerText(images, texts), ModelGolden.Logits);
        golden.Check("out.logits_per_image", Op.Transpose(model.LogitsPerText(images, texts)), ModelGolden.Logits);
        var loss = ContrastiveLoss.InfoNce(images, texts, model.LogitScale);
        golden.Check("out.loss", loss, ModelGolden.Logits);
        tape.Backward(loss);
        Assert.Equal(loaded.Parameters.All.Count, golden.CheckGradients(path => loaded.Parameters[path].Value.Grad));
    }

    [Fact]
    public void Siglip_trains_as_the_reference()
    {
        using var scope = TensorScope.Open();
        var golden = new ModelGolden("models", "siglip", "golden.safetensors");
        using var loaded = SiglipModel.Load(Fixtures.Path("models", "siglip"));
        var model = loaded.Model;
        using var tape = Tape.Record();
        var images = model.Vision.Forward(golden.Pixels("in.pixel_values")).Pooled!;
        var (_, texts) = model.Text.Forward(golden.Longs("in.input_ids"));
        golden.Check("out.image_embeds", Op.L2Normalize(images));
        golden.Check("out.text_embeds", Op.L2Normalize(texts));
        golden.Check("out.logits_per_text", model.LogitsPerText(images, texts), ModelGolden.Logits);
        golden.Check("out.logits_per_image", Op.Transpose(model.LogitsPerText(images, texts)), ModelGolden.Logits);
        var loss = ContrastiveLoss.Sigmoid(images, texts, model.LogitScale, model.LogitBias);
        golden.Check("out.loss", loss, ModelGolden.Logits);
        tape.Backward(loss);
        Assert.Equal(loaded.Parameters.All.Count, golden.CheckGradients(path => loaded.Parameters[path].Value.Grad));
    }
}
