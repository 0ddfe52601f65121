using Sightline.Checkpoints;
using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Testing;
using Sightline.Training.Reinforcement;

namespace Sightline.Training.Tests.Reinforcement;

[Collection(Alone.Name)]
public sealed class AdapterTests : TensorTest
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sightline-adapter-");

    protected override void Free() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    public void Logits_with_an_adapter_and_with_merged_weights_equal_the_reference(string name)
    {
        var lora = Fixtures.Path("qwen", "training", name, "lora");
        var expected = new FixtureTensors("qwen", "training", name, "lora", "outputs.safetensors");
        using (var folder = AdapterFolder.Open(lora))
        using (var adapters = folder.Load())
        using (var adapted = QwenVlModel.Load(TinyQwen.Folder(name), adapters: adapters)) Check(adapted.Model, name, expected.Doubles("logits_last16"));

        var merged = Path.Combine(_folder.FullName, "merged");
        Assert.Equal(21, AdapterMerge.Run(TinyQwen.Folder(name), lora, merged));
        using var loaded = QwenVlModel.Load(merged);
        Check(loaded.Model, name, expected.Doubles("merged_logits_last16"));
    }

    [Fact]
    public void What_is_saved_loads_with_the_same_bits()
    {
        using var adapters = LoraAdapters.Create(new LoraOptions { Rank = 4, Alpha = 6, IsRankStabilized = true, Targets = ["q_proj", "qkv"], Parts = ["model", "visual"] }, seed: 3);
        using var model = QwenVlModel.Load(TinyQwen.Folder("tiny-qwen2-vl"), adapters: adapters);
        Assert.Equal(6, adapters.Layers.Count);
        foreach (var parameter in adapters.Parameters) parameter.Value.Engine.Fill(parameter.Value, 0.1f + parameter.Path.Length);
        AdapterFolder.Save(_folder.FullName, adapters, "tiny");

        using var folder = AdapterFolder.Open(_folder.FullName);
        using var read = folder.Load();
        using var again = QwenVlModel.Load(TinyQwen.Folder("tiny-qwen2-vl"), adapters: read);
        folder.RequireUsed(read);
        Assert.Equal(adapters.Options.Scale, read.Options.Scale);
        Assert.Equal(adapters.Parameters.Select(parameter => parameter.Path), read.Parameters.Select(parameter => parameter.Path));
        foreach (var (a, b) in adapters.Parameters.Zip(read.Parameters)) Assert.Equal(a.Value.ToArray<float>(), b.Value.ToArray<float>());

        // as PEFT has it: names of layers, and the names of tensors in the fixture's form
        using var json = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder.FullName, "adapter_config.json")));
        Assert.Equal(["qkv", "q_proj"], json.RootElement.GetProperty("target_modules").EnumerateArray().Select(value => value.GetString()));
        using var file = Checkpoints.Checkpoint.Open(Path.Combine(_folder.FullName, "adapter_model.safetensors"));
        Assert.Contains("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", file.Names);
    }

    [Theory]
    [InlineData("\"use_dora\": true")]
    [InlineData("\"modules_to_save\": [\"lm_head\"]")]
    [InlineData("\"bias\": \"all\"")]
    [InlineData("\"r\": 0")]
    [InlineData("\"alpha_pattern\": {\"q_proj\": 3}")]
    public void Kinds_that_are_not_supported_are_refused(string setting)
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "adapter_config.json"), $$"""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, {{setting}}}""");
        Assert.Equal(ErrorKind.BadModel, Assert.Throws<SightlineException>(() => AdapterFolder.Open(_folder.FullName)).Kind);
    }

    /// <summary>The log-probability that the sampler reports is the learner's, to the last bit: float32 and quantized weights, with an adapter, prompts beyond one page.</summary>
    [Theory]
    [InlineData("tiny-qwen2-vl", WeightFormat.Float32)]
    [InlineData("tiny-qwen2_5-vl", WeightFormat.Float32)]
    [InlineData("tiny-qwen2-vl", WeightFormat.Int8)]
    public void Sampler_and_learner_agree(string name, WeightFormat format)
    {
        using var folder = AdapterFolder.Open(Fixtures.Path("qwen", "training", name, "lora"));
        using var adapters = folder.Load();
        using var loaded = QwenVlModel.Load(TinyQwen.Folder(name), new WeightPlan(format), adapters: adapters);
        using var group = new GroupFixture(name);
        var picture = TinyQwen.Picture("a");
        int[] prompt = [.. group.Prompt, .. Enumerable.Range(0, 110).Select(i => 300 + i)];
        using var engine = new GenerationEngine(loaded.Model, new GenerationOptions { CacheTokens = 4096, PromptTokensPerStep = 64 });
        var results = engine.Run([.. Enumerable.Range(0, 4).Select(i => new GenerationRequest { Prompt = prompt, Pictures = [picture], MaxTokens = new[] { 3, 130, 20, 40 }[i], Sampling = new SamplingOptions { Seed = (ulong)i } })]);

        adapters.SetTrainable(true);
        using var scope = TensorScope.Open();
        using var tape = Tape.Record();
        var batch = TokenBatch.OfGroups(new PromptGroup(prompt, loaded.Model.Lay(prompt, [picture.Grid]), [PictureEncoding.Encode(loaded.Model, picture, trains: false)], [.. results.Select(result => result.Ids.ToArray())]));
        var learner = TokenLikelihood.Compute(loaded.Model, batch);
        Assert.True(learner.RequiresGrad);
        Assert.Equal(results.SelectMany(result => result.LogProbabilities), learner.ToArray<float>());
    }

    private static void Check(QwenVlModel model, string name, double[] expected)
    {
        using var scope = TensorScope.Open();
        var sample = TinyQwen.Samples(model, name, "single", trainsVision: false)[0];
        var batch = TokenBatch.OfAnswers(sample);
        long[] last = [.. Enumerable.Range(sample.Ids.Length - 16, 16).Select(row => (long)row)];
        var logits = model.Logits(Op.IndexRows(model.Forward(batch.Input, cache: null), Tensor.From(last, [16]))).ToArray<float>();
        Assert.Equal(expected.Length, logits.Length);
        Assert.True(expected.Zip(logits, (a, b) => Math.Abs(a - b)).Max() <= 1e-4);
    }
}
