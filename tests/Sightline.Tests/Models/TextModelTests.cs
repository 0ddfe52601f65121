using Sightline.Models.Bert;
using Sightline.Models.Clip;
using Sightline.Models.Qwen2;
using Sightline.Models.Siglip;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Testing;

namespace Sightline.Tests.Models;

/// <summary>Published text encoders against the reference, state by state, padding included where the reference computes it.</summary>
[Collection(Alone.Name)]
public sealed class TextModelTests : TensorTest
{
    [Fact]
    public void Bert_equals_the_reference()
    {
        using var scope = TensorScope.Open();
        var golden = new ModelGolden("models", "bert", "golden.safetensors");
        using var loaded = BertModel.Load(Fixtures.Path("models", "bert"));
        using var tape = Tape.Record();
        var states = new List<Tensor>();
        var (P, L) = (3, 15);
        var last = loaded.Model.Forward(
            Op.Reshape(golden.Longs("in.input_ids"), P * L), Places(P, L), Op.Reshape(golden.Longs("in.token_type_ids"), P * L), PaddedLayout(golden.Tensors.Longs("in.attention_mask"), P, L, causal: false), states);
        Assert.Equal(4, states.Count);
        for (var i = 0; i < states.Count; i++) golden.Check($"out.hidden_states.{i}", states[i]);
        golden.Check("out.last_hidden_state", last);
        var pooled = loaded.Model.Pool(Op.IndexRows(last, Tensor.From([0L, L, 2 * L], [P])));
        golden.Check("out.pooler_output", pooled);

        var loss = Op.Add(Op.Sum(Op.Mul(last, Op.Reshape(golden.Floats("gout"), P * L, 32))), Op.Sum(pooled));
        tape.Backward(loss);
        Assert.Equal(55, golden.CheckGradients(path => loaded.Parameters[path].Value.Grad));
    }

    [Fact]
    public void Bert_takes_any_mask_as_spans()
    {
        using var scope = TensorScope.Open();
        var golden = new ModelGolden("models", "bert", "golden.safetensors");
        using var checkpoint = Sightline.Checkpoints.Checkpoint.Open(Fixtures.Path("models", "bert", "golden.safetensors"));
        var mask = checkpoint.Raw("mask3d.in.attention_mask").ToArray();
        using var loaded = BertModel.Load(Fixtures.Path("models", "bert"));
        var (P, L) = (3, 15);
        var spans = new List<AttentionSpan>();
        for (var at = 0; at < mask.Length; at++)
        {
            var (query, key) = Math.DivRem(at, L);
            if (mask[at] != 0) spans.Add(new AttentionSpan(query, 1, (query / L * L) + key, 1));
        }

        var last = loaded.Model.Forward(Op.Reshape(golden.Longs("in.input_ids"), P * L), Op.Reshape(golden.Longs("mask3d.in.position_ids"), P * L), null, new AttentionLayout([.. spans]));
        golden.Check("mask3d.out.last_hidden_state", last);
        golden.Check("mask3d.out.pooler_output", loaded.Model.Pool(Op.IndexRows(last, Tensor.From([0L, L, 2 * L], [P]))));
    }

    [Fact]
    public void Clip_text_encoder_equals_the_reference()
    {
        using var scope = TensorScope.Open();
        var golden = new ModelGolden("models", "clip", "golden.safetensors");
        using var loaded = ClipModel.Load(Fixtures.Path("models", "clip"));
        var (P, L) = (3, 11);
        var ids = golden.Tensors.Longs("in.input_ids");
        var states = new List<Tensor>();
        var last = loaded.Model.Text.Forward(
            Tensor.From(ids, [P * L]), Places(P, L), PaddedLayout(golden.Tensors.Longs("in.attention_mask"), P, L, causal: true), states);
        Assert.Equal(3, states.Count);
        for (var i = 0; i < states.Count; i++) golden.Check($"out.text_model_output.hidden_states.{i}", states[i]);
        golden.Check("out.text_model_output.last_hidden_state", last);
        var summaries = Op.IndexRows(last, loaded.Model.Text.SummaryRows(ids, [L, L, L]));
        golden.Check("out.text_model_output.pooler_output", loaded.Model.ProjectTexts(summaries));
    }

    [Fact]
    public void Siglip_text_encoder_equals_the_reference()
    {
        using var scope = TensorScope.Open();
        var golden = new ModelGolden("models", "siglip", "golden.safetensors");
        using var loaded = SiglipModel.Load(Fixtures.Path("models", "siglip"));
        var states = new List<Tensor>();
        var (last, pooled) = loaded.Model.Text.Forward(golden.Longs("in.input_ids"), states);
        Assert.Equal(3, states.Count);
        for (var i = 0; i < states.Count; i++) golden.Check($"out.text_model_output.hidden_states.{i}", states[i]);
        golden.Check("out.text_model_output.last_hidden_state", last);
        golden.Check("out.text_model_output.pooler_output", pooled);
    }

    /// <summary>The tolerance is that of tests/fixtures/qwen/model_goldens/README.md: 1e-4 + 1e-4 relative.</summary>
    [Theory]
    [InlineData("tiny-qwen2-vl", "text_only")]
    [InlineData("tiny-qwen2_5-vl", "text_only")]
    [InlineData("tiny-qwen2-vl", "batch_text_leftpad")]
    [InlineData("tiny-qwen2_5-vl", "batch_text_leftpad")]
    public void Qwen2_equals_the_reference_on_packed_texts(string model, string name)
    {
        using var scope = TensorScope.Open();
        var golden = new ModelGolden("qwen", "model_goldens", model, $"{name}.safetensors");
        using var loaded = Qwen2Model.Load(Fixtures.Path("models", model));
        var (mask, ids) = (golden.Tensors.Longs("attention_mask"), golden.Tensors.Longs("input_ids"));
        var (P, L) = (golden.Tensors.Shape("input_ids")[0], golden.Tensors.Shape("input_ids")[1]);
        int[] kept = [.. Enumerable.Range(0, P * L).Where(i => mask[i] == 1)];
        int[] lengths = [.. kept.GroupBy(i => i / L).OrderBy(group => group.Key).Select(group => group.Count())];
        long[] positions = [.. lengths.SelectMany(length => Enumerable.Range(0, length).Select(i => (long)i))];
        var x = loaded.Model.Embed(Tensor.From([.. kept.Select(i => ids[i])], [kept.Length]));
        var last = loaded.Model.Forward(x, loaded.Model.Angles(positions), AttentionLayout.Packed(lengths, causal: true)).ToArray<float>();

        var expected = golden.Tensors.Floats("last_hidden_state");
        var C = last.Length / kept.Length;
        for (var row = 0; row < kept.Length; row++)
            Near(expected.AsSpan(kept[row] * C, C), last.AsSpan(row * C, C), $"token {row}");
    }

    [Theory]
    [InlineData("tiny-qwen2-vl", "tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl", "tiny-qwen2_5-vl")]
    [InlineData("tiny-qwen2_5-vl-bf16-sharded", "tiny-qwen2_5-vl-bf16-sharded")]
    [InlineData("tiny-qwen2_5-vl-bf16-nested-names", "tiny-qwen2_5-vl-bf16-sharded")]
    public void Qwen2_layers_equal_the_reference_with_picture_positions(string model, string goldenFolder)
    {
        using var scope = TensorScope.Open();
        var golden = new ModelGolden("qwen", "model_goldens", goldenFolder, "single_a.safetensors");
        using var loaded = Qwen2Model.Load(Fixtures.Path("models", model));
        var embedded = golden.Floats("text.inputs_embeds");
        var T = embedded.Shape[1];
        var states = new List<Tensor>();
        var angles = loaded.Model.PictureAngles(golden.Tensors.Longs("position_ids"));
        var last = loaded.Model.Forward(Op.Reshape(embedded, T, -1), angles, AttentionLayout.Causal(T, T), states);
        Assert.Equal(golden.Tensors.Names.Count(name => name.StartsWith("text.layer.", StringComparison.Ordinal)), states.Count);
        for (var i = 0; i < states.Count; i++) Near(golden.Tensors.Floats($"text.layer.{i}"), states[i].ToArray<float>(), $"layer {i}");
        Near(golden.Tensors.Floats("last_hidden_state"), last.ToArray<float>(), "last");
    }

    private static void Near(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-4 + (1e-4 * Math.Abs(expected[i])), $"{what}, element {i}: {actual[i]} for {expected[i]}");
    }

    private static Tensor Places(int texts, int length)
    {
        long[] places = [.. Enumerable.Range(0, texts * length).Select(i => (long)(i % length))];
        return Tensor.From(places, [places.Length]);
    }

    /// <summary>Texts padded at their ends: nobody sees the padding, which itself sees the text.</summary>
    private static AttentionLayout PaddedLayout(long[] mask, int texts, int length, bool causal)
    {
        var spans = new List<AttentionSpan>();
        for (var p = 0; p < texts; p++)
        {
            var (start, used) = (p * length, (int)mask.AsSpan(p * length, length).ToArray().Sum());
            spans.Add(new AttentionSpan(start, used, start, used, causal));
            if (used < length) spans.Add(new AttentionSpan(start + used, length - used, start, used));
        }

        return new AttentionLayout([.. spans]);
    }
}
