using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Testing;
using Sightline.Training.Optim;
using Sightline.Training.Reinforcement;

namespace Sightline.Training.Tests.Reinforcement;

/// <summary>Losses, gradients and steps of tiny Qwen-VL models against PyTorch; tolerances: <c>tests/fixtures/qwen/training/README.md</c>.</summary>
[Collection(Alone.Name)]
public sealed class QwenTrainingTests : TensorTest
{
    [Theory]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    public void Supervised_gradients_equal_the_reference(string name)
    {
        using var loaded = QwenVlModel.LoadForTraining(TinyQwen.Folder(name));
        using var scope = TensorScope.Open();
        using var tape = Tape.Record();
        var loss = TokenLikelihood.SupervisedLoss(loaded.Model, TokenBatch.OfAnswers(TinyQwen.Samples(loaded.Model, name, "single", trainsVision: true)));
        tape.Backward(loss);
        var json = Json(name, "sft", "sft.json");
        Assert.Equal(json.GetProperty("batches").GetProperty("single").GetProperty("loss").GetDouble(), loss.ToArray<float>()[0], 1e-4);
        TinyQwen.CheckGradients(new FixtureTensors("qwen", "training", name, "sft", "single.grads.safetensors"), loaded.Parameters.All, path => path);
    }

    [Theory]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    public void A_batch_without_padding_has_the_loss_of_one_with(string name)
    {
        using var loaded = QwenVlModel.LoadForTraining(TinyQwen.Folder(name));
        using var scope = TensorScope.Open();
        var loss = TokenLikelihood.SupervisedLoss(loaded.Model, TokenBatch.OfAnswers(TinyQwen.Samples(loaded.Model, name, "batch2_rightpad", trainsVision: false)));
        Assert.Equal(Json(name, "sft", "sft.json").GetProperty("batches").GetProperty("batch2_rightpad").GetProperty("loss").GetDouble(), loss.ToArray<float>()[0], 1e-4);
    }

    [Fact]
    public void Five_supervised_steps_equal_the_reference()
    {
        const string Name = "tiny-qwen2-vl";
        using var loaded = QwenVlModel.LoadForTraining(TinyQwen.Folder(Name));
        using var optimizer = new AdamW(loaded.Parameters.All, new AdamWOptions(), weightDecay: _ => 0.01);
        var losses = Train(5, optimizer, [.. loaded.Parameters.All], () => TokenLikelihood.SupervisedLoss(loaded.Model, TokenBatch.OfAnswers(TinyQwen.Samples(loaded.Model, Name, "single", trainsVision: true))));
        CheckHistory(Json(Name, "sft", "sft.json").GetProperty("adamw_all_decay"), losses);
        TinyQwen.CheckValues(new FixtureTensors("qwen", "training", Name, "sft", "single.params_after_step5.safetensors"), loaded.Parameters.All, path => path);
    }

    [Theory]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    public void Gradients_with_a_shared_prompt_equal_Visual_RFT(string name)
    {
        using var group = new GroupFixture(name);
        using var loaded = QwenVlModel.LoadForTraining(TinyQwen.Folder(name));
        var (shared, sharedLoss) = Gradients(loaded.Model, loaded.Parameters, group, isShared: true);
        TinyQwen.CheckGradients(new FixtureTensors("qwen", "training", name, "grpo", "visual_rft.main.grads.safetensors"), loaded.Parameters.All, path => path);
        Assert.Equal(group.Json.GetProperty("visual_rft").GetProperty("main").GetProperty("loss").GetDouble(), sharedLoss, 2e-6);

        // ..and those of separate texts, each with its own copy of prompt and picture
        var (separate, separateLoss) = Gradients(loaded.Model, loaded.Parameters, group, isShared: false);
        Assert.Equal(separateLoss, sharedLoss, 1e-6);
        foreach (var (path, expected) in separate)
        {
            var allowed = (2e-5 * expected.Max(Math.Abs)) + 1e-7;
            var worst = expected.Zip(shared[path], (a, b) => Math.Abs(a - b)).Max();
            Assert.True(worst <= allowed, $"{path}: {worst:g3} between shared and separate, allowed are {allowed:g3}");
        }
    }

    /// <summary>Ratios to an older policy, clipped: losses, the norm of every gradient, and the gradients that are stored.</summary>
    [Theory]
    [InlineData("tiny-qwen2-vl", "clip_0.2_0.2")]
    [InlineData("tiny-qwen2-vl", "clip_0.1_0.28_beta0")]
    [InlineData("tiny-qwen2-vl", "num_iterations_1")]
    [InlineData("tiny-qwen2_5-vl", "clip_0.2_0.2")]
    [InlineData("tiny-qwen2_5-vl", "clip_0.1_0.28_beta0")]
    [InlineData("tiny-qwen2_5-vl", "num_iterations_1")]
    public void Gradients_of_clipped_ratios_equal_VLM_R1(string name, string which)
    {
        using var group = new GroupFixture(name);
        using var loaded = QwenVlModel.LoadForTraining(TinyQwen.Folder(name));
        var stored = group.Json.GetProperty("vlm_r1").GetProperty(which);
        var options = new PolicyLossOptions
        {
            EpsilonLow = stored.GetProperty("epsilon_low").GetDouble(),
            EpsilonHigh = stored.GetProperty("epsilon_high").GetDouble(),
            Beta = stored.GetProperty("beta").GetDouble(),
        };
        var (gradients, loss) = Gradients(loaded.Model, loaded.Parameters, group, isShared: true, options, withOld: stored.GetProperty("old_per_token_logps").GetString() == "as stored");
        Assert.Equal(stored.GetProperty("loss").GetDouble(), loss, 2e-6);
        var norms = stored.GetProperty("grad_norms").EnumerateObject().ToDictionary(norm => norm.Name, norm => norm.Value.GetDouble());
        var whole = stored.GetProperty("grad_norm").GetDouble();
        foreach (var (path, norm) in norms)
        {
            var own = Math.Sqrt(gradients[path].Sum(value => (double)value * value));
            Assert.True(Math.Abs(own - norm) <= (1e-4 * norm) + (1e-6 * whole), $"{path}: the norm is {own:g8}, stored is {norm:g8}");
        }

        if (which == "clip_0.2_0.2") TinyQwen.CheckGradients(new FixtureTensors("qwen", "training", name, "grpo", "vlm_r1.clip_0.2_0.2.grads_small_tensors.safetensors"), loaded.Parameters.All, path => path);
    }

    [Fact]
    public void Several_groups_in_one_step_do_not_see_each_other()
    {
        using var group = new GroupFixture("tiny-qwen2-vl");
        using var loaded = QwenVlModel.Load(TinyQwen.Folder("tiny-qwen2-vl"));
        using var scope = TensorScope.Open();
        var one = Group(loaded.Model, group, trains: false);
        var other = one with { Completions = [[5], [7, 6]] }; // the first has nothing to read
        var together = TokenLikelihood.Score(loaded.Model, TokenBatch.OfGroups([other, one]));
        Assert.Equal([.. TokenLikelihood.Score(loaded.Model, TokenBatch.OfGroups([other])), .. TokenLikelihood.Score(loaded.Model, TokenBatch.OfGroups([one]))], together);
        var at = 3;
        for (var i = 0; i < group.Size; i++)
        {
            foreach (var value in group.Row("per_token_logps", i)) Assert.Equal(value, together[at++], 1e-4);
        }
    }

    [Theory]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    public void Lora_gradients_and_steps_equal_the_reference(string name)
    {
        using var folder = Checkpoints.AdapterFolder.Open(Fixtures.Path("qwen", "training", name, "lora"));
        using var adapters = folder.Load();
        using var loaded = QwenVlModel.Load(TinyQwen.Folder(name), adapters: adapters);
        folder.RequireUsed(adapters);
        Assert.All(adapters.Layers, layer => Assert.StartsWith("model.", layer.Path, StringComparison.Ordinal));
        Assert.All(loaded.Parameters.All, parameter => Assert.False(parameter.Value.RequiresGrad));
        var json = Json(name, "lora", "lora.json");

        using (TensorScope.Open())
        using (var tape = Tape.Record())
        {
            var loss = Loss();
            tape.Backward(loss);
            Assert.Equal(json.GetProperty("loss").GetDouble(), loss.ToArray<float>()[0], 1e-4);
            TinyQwen.CheckGradients(new FixtureTensors("qwen", "training", name, "lora", "grads.safetensors"), adapters.Parameters, path => "base_model.model." + path);
            adapters.ClearGradients();
        }

        using var optimizer = new AdamW(adapters.Parameters, new AdamWOptions(), weightDecay: _ => 0.01);
        CheckHistory(json.GetProperty("adamw_all_decay"), Train(5, optimizer, [.. adapters.Parameters], Loss));
        TinyQwen.CheckValues(new FixtureTensors("qwen", "training", name, "lora", "adapter_after_step5.safetensors"), adapters.Parameters, path => "base_model.model." + path);

        Tensor Loss() => TokenLikelihood.SupervisedLoss(loaded.Model, TokenBatch.OfAnswers(TinyQwen.Samples(loaded.Model, name, "single", trainsVision: false)));
    }

    [Theory]
    [InlineData(WeightFormat.BFloat16, 0.05)]
    [InlineData(WeightFormat.Int8, 0.05)]
    [InlineData(WeightFormat.Int4, 0.5)]
    public void Adapters_train_on_frozen_weights_of_any_format(WeightFormat format, double tolerance)
    {
        const string Name = "tiny-qwen2-vl";
        using var folder = Checkpoints.AdapterFolder.Open(Fixtures.Path("qwen", "training", Name, "lora"));
        using var adapters = folder.Load();
        using var loaded = QwenVlModel.Load(TinyQwen.Folder(Name), new WeightPlan(format), adapters: adapters);
        using var scope = TensorScope.Open();
        using var tape = Tape.Record();
        tape.Backward(TokenLikelihood.SupervisedLoss(loaded.Model, TokenBatch.OfAnswers(TinyQwen.Samples(loaded.Model, Name, "single", trainsVision: false))));

        // rounding the weights turns the gradient of the whole by a little
        var stored = new FixtureTensors("qwen", "training", Name, "lora", "grads.safetensors");
        var (dot, own, other) = (0.0, 0.0, 0.0);
        foreach (var parameter in adapters.Parameters)
        {
            foreach (var (a, b) in stored.Doubles("base_model.model." + parameter.Path).Zip(parameter.Value.Grad!.ToArray<float>())) (dot, own, other) = (dot + (a * b), own + (b * b), other + (a * a));
        }

        Assert.True(1 - (dot / Math.Sqrt(own * other)) < tolerance, $"the cosine is {dot / Math.Sqrt(own * other)}");
    }

    /// <summary>States of 16 bits: float32 gradients at float32 weights, in nearly the direction of those without rounding, and in less memory.</summary>
    [Theory]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    public void States_in_bfloat16_keep_the_direction_of_the_gradient(string name)
    {
        var (full, fullBytes) = Supervised(name, DType.Float32);
        var (mixed, mixedBytes) = Supervised(name, DType.BFloat16);
        var (dot, a, b) = (0.0, 0.0, 0.0);
        foreach (var (path, x) in full)
        {
            foreach (var (one, other) in x.Zip(mixed[path])) (dot, a, b) = (dot + ((double)one * other), a + ((double)one * one), b + ((double)other * other));
        }

        Assert.InRange(dot / Math.Sqrt(a * b), 0.99, 0.9999999); // 8 bits of mantissa a value; errors of many values average out
        Assert.InRange(Math.Sqrt(b / a), 0.95, 1.05);
        Assert.True(mixedBytes < 0.9 * fullBytes, $"{mixedBytes} bytes against {fullBytes}");
    }

    private static (Dictionary<string, float[]> Gradients, long Bytes) Supervised(string name, DType type)
    {
        using var loaded = QwenVlModel.LoadForTraining(TinyQwen.Folder(name));
        loaded.Parameters.SetTrainable("visual.", false);
        loaded.Model.Text.StateType = type;
        using var scope = TensorScope.Open();
        var samples = TinyQwen.Samples(loaded.Model, "tiny-qwen2-vl", "single", trainsVision: false);
        var memory = Engine.Default.Memory;
        var before = memory.LiveBytes;
        memory.ResetPeak();
        using var tape = Tape.Record();
        tape.Backward(TokenLikelihood.SupervisedLoss(loaded.Model, TokenBatch.OfAnswers(samples)));
        var bytes = memory.PeakBytes - before;
        return (loaded.Parameters.All.Where(parameter => parameter.Value.Grad is not null).ToDictionary(parameter => parameter.Path, parameter => parameter.Value.Grad!.ToArray<float>()), bytes);
    }

    [Fact]
    public void Switched_off_the_model_is_its_own_reference()
    {
        const string Name = "tiny-qwen2-vl";
        using var group = new GroupFixture(Name);
        using var folder = Checkpoints.AdapterFolder.Open(Fixtures.Path("qwen", "training", Name, "lora"));
        using var adapters = folder.Load();
        using var adapted = QwenVlModel.Load(TinyQwen.Folder(Name), adapters: adapters);
        using var plain = QwenVlModel.Load(TinyQwen.Folder(Name));
        using var scope = TensorScope.Open();
        var batch = TokenBatch.OfGroups([Group(plain.Model, group, trains: false)]);
        var expected = TokenLikelihood.Score(plain.Model, batch);
        Assert.NotEqual(expected, TokenLikelihood.Score(adapted.Model, batch));
        using (adapters.Disable()) Assert.Equal(expected, TokenLikelihood.Score(adapted.Model, batch));
        Assert.True(adapters.IsEnabled);

        using var fresh = LoraAdapters.Create(new LoraOptions { Rank = 4, Alpha = 8 }, seed: 1);
        using var started = QwenVlModel.Load(TinyQwen.Folder(Name), adapters: fresh);
        Assert.Equal(21, fresh.Layers.Count);
        Assert.Equal(expected, TokenLikelihood.Score(started.Model, batch));
    }

    private static (Dictionary<string, float[]> ByPath, double Loss) Gradients(
        QwenVlModel model, ParameterStore parameters, GroupFixture group, bool isShared, PolicyLossOptions? options = null, bool withOld = false)
    {
        parameters.ClearGradients();
        using var scope = TensorScope.Open();
        using var tape = Tape.Record();
        var whole = Group(model, group, trains: true);
        var batch = TokenBatch.OfGroups(isShared ? [whole] : [.. whole.Completions.Select(completion => Group(model, group, trains: true) with { Completions = [completion] })]);
        var logProbabilities = TokenLikelihood.Compute(model, batch);
        var values = logProbabilities.ToArray<float>();
        var at = 0;
        var completions = new List<ScoredCompletion>();
        for (var i = 0; i < group.Size; i++)
        {
            completions.Add(new ScoredCompletion(values[at..(at + batch.Lengths[i])], group.Advantages[i]) { Reference = group.Row("ref_per_token_logps", i), Old = withOld ? group.Row("old_per_token_logps", i) : null });
            at += batch.Lengths[i];
        }

        var loss = PolicyLoss.Compute(completions, options ?? new PolicyLossOptions());
        TokenLikelihood.Backward(tape, logProbabilities, loss);
        return (parameters.All.ToDictionary(parameter => parameter.Path, parameter => parameter.Value.Grad!.ToArray<float>()), loss.Loss);
    }

    private static PromptGroup Group(QwenVlModel model, GroupFixture group, bool trains)
    {
        var picture = TinyQwen.Picture("a");
        return new PromptGroup(group.Prompt, model.Lay(group.Prompt, [picture.Grid]), [PictureEncoding.Encode(model, picture, trains)], [.. Enumerable.Range(0, group.Size).Select(group.Ids)]);
    }

    private static List<(double Loss, double Norm)> Train(int steps, AdamW optimizer, List<Parameter> parameters, Func<Tensor> lossOf)
    {
        var history = new List<(double, double)>();
        for (var step = 0; step < steps; step++)
        {
            using var scope = TensorScope.Open();
            using var tape = Tape.Record();
            var loss = lossOf();
            tape.Backward(loss);
            var norm = GradientClipping.Norm(parameters);
            optimizer.Step(1e-3, GradientClipping.Coefficient(norm, 1));
            history.Add((loss.ToArray<float>()[0], norm));
            foreach (var parameter in parameters) parameter.Value.ClearGrad();
        }

        return history;
    }

    private static void CheckHistory(System.Text.Json.JsonElement stored, List<(double Loss, double Norm)> history)
    {
        Assert.InRange(stored.GetArrayLength(), history.Count, history.Count + 1); // one more: the loss after the last step
        for (var step = 0; step < history.Count; step++)
        {
            var (loss, norm) = (stored[step].GetProperty("loss_before_step").GetDouble(), stored[step].GetProperty("grad_norm_before_clip").GetDouble());
            Assert.Equal(loss, history[step].Loss, 1e-3 * loss);
            Assert.Equal(norm, history[step].Norm, 1e-3 * norm);
        }
    }

    private static System.Text.Json.JsonElement Json(string model, string folder, string file)
    {
        using var json = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Fixtures.Path("qwen", "training", model, folder, file)));
        return json.RootElement.Clone();
    }
}
