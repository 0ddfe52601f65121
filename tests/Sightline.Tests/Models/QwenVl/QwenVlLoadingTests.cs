using System.Text.Json.Nodes;
using Sightline.Checkpoints;
using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;
using Sightline.Testing;
using Sightline.Tests.Checkpoints;
using Sightline.Verification;

namespace Sightline.Tests.Models.QwenVl;

/// <summary>Model folders that do not fit or are damaged, and the formats in which weights are kept.</summary>
[Collection(Alone.Name)]
public sealed class QwenVlLoadingTests : TensorTest
{
    private const string Sharded = "tiny-qwen2_5-vl-bf16-sharded";

    [Theory]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    [InlineData(Sharded)]
    [InlineData("tiny-qwen2_5-vl-bf16-nested-names")]
    [InlineData("tiny-qwen3-vl")]
    [InlineData("tiny-qwen3-vl-bf16")]
    public void A_published_folder_fits_exactly(string model)
    {
        var report = QwenVlModel.Fit(Fixtures.Path("models", model));
        Assert.True(report.IsExact, report.ToString());
    }

    [Fact]
    public void Another_architecture_is_named()
    {
        var error = Assert.Throws<SightlineException>(() => QwenVlModel.Load(Fixtures.Path("models", "bert")).Dispose());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains("holds a model of type 'bert', but 'qwen2_vl' or 'qwen2_5_vl' or 'qwen3_vl' is needed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        using var folder = Copy(Sharded);
        File.Delete(folder.File("model-00003-of-00005.safetensors"));
        var error = Assert.Throws<SightlineException>(() => QwenVlModel.Load(folder.Path).Dispose());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains("names model-00003-of-00005.safetensors, which is not in", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_truncated_shard_is_named()
    {
        using var folder = Copy(Sharded);
        var path = folder.File("model-00002-of-00005.safetensors");
        using (var file = File.OpenWrite(path)) file.SetLength(file.Length - 4096);
        var error = Assert.Throws<SightlineException>(() => QwenVlModel.Load(folder.Path).Dispose());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_tells_what_is_missing_unused_of_another_shape_and_not_a_number()
    {
        using var folder = Copy("tiny-qwen2-vl");
        using (var checkpoint = Checkpoint.Open(Fixtures.Path("models", "tiny-qwen2-vl")))
        using (TensorScope.Open())
        {
            var writer = new SafetensorsWriter();
            foreach (var name in checkpoint.Names)
            {
                var tensor = checkpoint.Load(name);
                if (name == "model.norm.weight") tensor.AsSpan<float>()[7] = float.NaN;
                if (name == "visual.blocks.0.attn.proj.bias") tensor = Tensor.Zeros([31]);
                writer.Add(name == "model.layers.1.mlp.up_proj.weight" ? "model.layers.1.mlp.sideways.weight" : name, tensor);
            }

            writer.Save(folder.File("model.safetensors"));
        }

        var report = QwenVlModel.Fit(folder.Path);
        Assert.Equal(["model.layers.1.mlp.up_proj.weight"], report.Missing.Select(problem => problem.Name));
        Assert.Equal(["model.layers.1.mlp.sideways.weight"], report.Unused.Select(problem => problem.Name));
        Assert.Equal([new FitProblem("visual.blocks.0.attn.proj.bias", "the model has [32], the file F32 [31]")], report.WrongShape);
        Assert.Equal([new FitProblem("model.norm.weight", "1 of 64 elements")], report.NonFinite);
        var error = Assert.Throws<SightlineException>(() => QwenVlModel.Load(folder.Path, WeightPlan.Parse("int8")).Dispose());
        Assert.Contains("1 parameters are missing (first model.layers.1.mlp.up_proj.weight); 1 have another shape", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vision_config", "depth", null, "vision_config has no depth")]
    [InlineData("vision_config", "num_heads", "3", "32 channels do not make 3 heads")]
    [InlineData("vision_config", "hidden_size", "65", "image tokens have 65 channels and the language model 64")]
    [InlineData("rope_scaling", "mrope_section", null, "no mrope_section")]
    [InlineData(null, "vision_config", "7", "no vision_config")]
    [InlineData(null, "image_token_id", "896", "outside of the vocabulary")]
    public void A_configuration_that_makes_no_sense_is_refused(string? part, string key, string? value, string expected)
    {
        using var folder = Copy("tiny-qwen2-vl");
        var config = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!.AsObject();
        var target = part is null ? config : config[part]!.AsObject();
        if (value is null) target.Remove(key);
        else target[key] = int.Parse(value, System.Globalization.CultureInfo.InvariantCulture);
        File.WriteAllText(folder.File("config.json"), config.ToJsonString());
        var error = Assert.Throws<SightlineException>(() => QwenVlModel.Load(folder.Path).Dispose());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_prompt_that_does_not_fit_is_refused_before_any_work()
    {
        using var loaded = QwenVlModel.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        const int Image = 868;
        PictureGrid[] picture = [new(1, 4, 6)];
        Assert.Equal(6, loaded.Model.Lay([1, Image, Image, Image, Image, Image, Image, 2], picture).Pictures[0].Count);
        Refused([.. Enumerable.Repeat(5, 32769)], [], "the prompt has 32769 tokens and the model's context holds 32768");
        Refused([1, Image, Image, 2], picture, "the prompt has 2 image tokens and its 1 pictures need 6");
        Refused([1, .. Enumerable.Repeat(Image, 7)], picture, "the prompt has 7 image tokens");
        Refused([Image, Image, 1, Image, Image, Image, Image], picture, "picture 1 needs 6 image tokens in a row, and at token 0 of the prompt are 2");
        Refused([1, 896], [], "token 1 of the prompt is 896, and the model knows ids from 0 to 895");
        Refused([1, 869], [], "stands for a film");

        void Refused(int[] ids, PictureGrid[] pictures, string expected)
        {
            var error = Assert.Throws<SightlineException>(() => loaded.Model.Lay(ids, pictures));
            Assert.Equal(ErrorKind.Usage, error.Kind);
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Patches_and_grid_must_fit_each_other()
    {
        using var loaded = QwenVlModel.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        Assert.Throws<ShapeException>(() => loaded.Model.Encode(new PicturePatches(new float[4 * 1176], new PictureGrid(1, 1, 4))));
        Assert.Throws<ShapeException>(() => loaded.Model.Encode(new PicturePatches(new float[4 * 1175], new PictureGrid(1, 2, 2))));
        Assert.Throws<OperationCanceledException>(() => loaded.Model.Encode(new PicturePatches(new float[4 * 1176], new PictureGrid(1, 2, 2)), new CancellationToken(canceled: true)));
    }

    [Theory]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    [InlineData("tiny-qwen3-vl")]
    public void The_image_encoder_stops_after_the_layer_in_which_it_was_cancelled(string model)
    {
        using var loaded = QwenVlModel.Load(Fixtures.Path("models", model));
        using var scope = TensorScope.Open();
        using var source = new CancellationTokenSource();
        var seen = new List<string>();
        Assert.Throws<OperationCanceledException>(() => loaded.Model.Vision.Forward(
            Tensor.Zeros([24, loaded.Model.Config.Vision.PatchLength]), [new PictureGrid(1, 4, 6)], (name, _) => { seen.Add(name); if (name == "vision.block.0") source.Cancel(); }, source.Token));
        Assert.Contains("vision.block.0", seen);
        Assert.DoesNotContain("vision.block.1", seen);
        Assert.True(loaded.Model.Config.Vision.Depth > 1);
    }

    [Fact]
    public void Loading_stops_before_the_next_matrix_and_gives_everything_back()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => QwenVlModel.Load(Fixtures.Path("models", Sharded), WeightPlan.Parse("int8"), cancellation: cancelled.Token).Dispose());
        Assert.Throws<OperationCanceledException>(() => QwenVlModel.Fit(Fixtures.Path("models", Sharded), cancellation: cancelled.Token));
    }

    [Fact]
    public void Weights_that_do_not_fit_into_memory_are_refused_before_any_is_made()
    {
        using var scarce = new ScarceMemory(100_000);
        var error = Assert.Throws<SightlineException>(() => QwenVlModel.Load(Fixtures.Path("models", Sharded), WeightPlan.Parse("int8,visual=float32")).Dispose());
        Assert.Equal(ErrorKind.OutOfMemory, error.Kind);
        Assert.Matches(@"not enough memory for its weights as int8,visual=float32 \(0\.\d+ GB are needed and 0\.0 GB are free\)", error.Message);
        using var stored = QwenVlModel.Load(Fixtures.Path("models", Sharded)); // stays in the file
        Assert.True(stored.Parameters.Bytes > 100_000);
    }

    [Theory]
    [InlineData("as-stored", DType.BFloat16)]
    [InlineData("float32", DType.Float32)]
    [InlineData("bf16", DType.BFloat16)]
    public void Matrices_have_the_planned_format_and_vectors_32_bits(string plan, DType expected)
    {
        using var loaded = QwenVlModel.Load(Fixtures.Path("models", Sharded), WeightPlan.Parse(plan));
        Assert.All(loaded.Parameters.All, parameter => Assert.Equal(parameter.Value.Shape.Rank > 1 ? expected : DType.Float32, parameter.Value.DType));
        Assert.All(loaded.Parameters.All, parameter => Assert.False(parameter.Value.RequiresGrad));
    }

    [Fact]
    public void Float16_weights_give_what_their_float32_values_give()
    {
        using var folder = Copy("tiny-qwen2-vl");
        using (var checkpoint = Checkpoint.Open(Fixtures.Path("models", "tiny-qwen2-vl")))
        using (TensorScope.Open())
        {
            var writer = new SafetensorsWriter();
            foreach (var name in checkpoint.Names) writer.Add(name, checkpoint.Load(name), DType.Float16);
            writer.Save(folder.File("model.safetensors"));
        }

        using var stored = QwenVlModel.Load(folder.Path);
        using var wide = QwenVlModel.Load(folder.Path, WeightPlan.Parse("float32"));
        Assert.Equal(DType.Float16, stored.Parameters["model.embed_tokens.weight"].Value.DType);
        var (ours, expected) = (Logits(stored.Model), Logits(wide.Model));
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], ours[i], 1e-4f);

        static float[] Logits(QwenVlModel model)
        {
            using var scope = TensorScope.Open();
            int[] ids = [1, 5, 300, 77];
            var input = new LanguageModelInput { Ids = ids, Positions = model.Lay(ids, []).Positions, Layout = AttentionLayout.Causal(4, 4) };
            return model.Logits(model.Forward(input, null)).ToArray<float>();
        }
    }

    /// <summary>Mean difference of the scores over their mean size; the bounds are twice what was seen in this tiny model with layers of 64 channels.</summary>
    [Theory]
    [InlineData("int8", 0.07)]
    [InlineData("int4,visual=int8,lm_head=int8,embed_tokens=int8", 0.65)]
    public void Quantized_layers_stay_close(string plan, double bound)
    {
        using var loaded = QwenVlModel.Load(Fixtures.Path("models", "tiny-qwen2-vl"), WeightPlan.Parse(plan));
        Assert.DoesNotContain(loaded.Parameters.All, parameter => parameter.Path.EndsWith("q_proj.weight", StringComparison.Ordinal));
        var report = ModelVerifier.Run(loaded.Model, ReferenceFolder.Open(Fixtures.Path("qwen", "model_goldens", "tiny-qwen2-vl")), new VerificationOptions { Cases = ["single_a"], Generates = false });
        Assert.False(report.Passed);
        var size = new FixtureTensors("qwen", "model_goldens", "tiny-qwen2-vl", "single_a.safetensors").Floats("logits").Average(MathF.Abs);
        Assert.InRange(report.Differences.Single(difference => difference.Tensor == "logits").Mean / size, 1e-3, bound);
    }

    [Fact]
    public void A_weight_plan_is_read_from_text()
    {
        var plan = WeightPlan.Parse("int4, visual=int8, layers.0=float32, down_proj=bf16");
        Assert.Equal(WeightFormat.Int8, plan.Of("visual.blocks.0.mlp.fc1.weight"));
        Assert.Equal(WeightFormat.Float32, plan.Of("model.layers.0.mlp.down_proj.weight"));
        Assert.Equal(WeightFormat.BFloat16, plan.Of("model.layers.10.mlp.down_proj.weight"));
        Assert.Equal(WeightFormat.Int4, plan.Of("model.layers.10.mlp.up_proj.weight"));
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => WeightPlan.Parse("int5")).Kind);
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => WeightPlan.Parse("int4,visual")).Kind);
    }

    private static TemporaryFolder Copy(string model)
    {
        var folder = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(Fixtures.Path("models", model))) File.Copy(file, folder.File(Path.GetFileName(file)));
        return folder;
    }
}
