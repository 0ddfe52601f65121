using System.Text.Json.Nodes;
using Sightline.Checkpoints;
using Sightline.Grounding;
using Sightline.Models.Fusion;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Quantization;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Quantized;
using Sightline.Testing;
using Sightline.Tests.Checkpoints;
using Sightline.Tests.Models;
using Sightline.Verification;

namespace Sightline.Tests.Quantization;

/// <summary>Folders with quantized weights: the same numbers as quantization on load, and clear sentences where they are damaged.</summary>
[Collection(Alone.Name)]
public sealed class FolderQuantizerTests : TensorTest
{
    private const string Layer = "model.layers.0.self_attn.q_proj.weight";
    private static readonly string s_model = Fixtures.Path("models", "tiny-qwen2-vl");
    private static readonly string s_reference = Fixtures.Path("qwen", "model_goldens", "tiny-qwen2-vl");

    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    [InlineData("int4,visual=int8,lm_head=as-stored")]
    [InlineData("int8,visual=bfloat16")]
    public void A_written_folder_equals_quantization_on_load_bit_for_bit(string weights)
    {
        using var folder = new TemporaryFolder();
        var output = folder.File("quantized");
        var report = FolderQuantizer.Quantize(s_model, output, new QuantizationOptions(WeightPlan.Parse(weights)));
        Assert.NotEmpty(report.Layers);
        Assert.All(report.Layers, layer => Assert.InRange(layer.WeightError, 1e-4, 0.2));
        Assert.True(report.BytesAfter < report.BytesBefore);
        Assert.True(QwenVlModel.Fit(output).IsExact, QwenVlModel.Fit(output).ToString());
        Assert.Equal(Logits(s_model, WeightPlan.Parse(weights)), Logits(output, WeightPlan.AsStored));
        Assert.Equal([output], Directory.GetFileSystemEntries(folder.Path)); // nothing half-written stays
    }

    [Fact]
    public void A_stopped_run_leaves_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        foreach (var when in new[] { 1, 3 })
        {
            using var source = new CancellationTokenSource();
            var steps = 0;
            Assert.Throws<OperationCanceledException>(() => FolderQuantizer.Quantize(
                s_model, folder.File("out"), new QuantizationOptions(new WeightPlan(WeightFormat.Int8)), _ => { if (++steps == when) source.Cancel(); }, source.Token));
            Assert.Equal(when, steps);
            Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        }
    }

    [Fact]
    public void What_killed_runs_left_is_removed_and_what_others_write_stays()
    {
        using var folder = new TemporaryFolder();
        var (output, leftover) = (folder.File("out"), folder.File("out.123.tmp"));
        Directory.CreateDirectory(leftover);
        File.WriteAllText(Path.Combine(leftover, "model.safetensors.123.4.tmp"), "half");
        string[] others = [folder.File("out.notes.tmp"), folder.File("out2.123.tmp"), folder.File("other.5.tmp")];
        foreach (var other in others) Directory.CreateDirectory(other);
        using (var running = UnfinishedFolder.Begin(folder.File("side")))
        {
            Directory.Move(running.Path, folder.File("out.77.tmp")); // as another process that writes the same folder
            var report = FolderQuantizer.Quantize(s_model, output, new QuantizationOptions(new WeightPlan(WeightFormat.Int8)));
            Assert.Equal([leftover], report.Removed);
            Assert.Equal([folder.File("other.5.tmp"), output, folder.File("out.77.tmp"), folder.File("out.notes.tmp"), folder.File("out2.123.tmp")], Directory.GetFileSystemEntries(folder.Path).Order(StringComparer.Ordinal));
            Directory.Move(folder.File("out.77.tmp"), running.Path);
        }
    }

    [Fact]
    public void Matrices_stay_in_the_mapped_file_at_cache_lines()
    {
        using var folder = new TemporaryFolder();
        var output = Quantized(folder);
        using var file = SafetensorsFile.Open(Path.Combine(output, "model.safetensors"));
        Assert.All(file.Tensors.Values.Where(info => info.Type == SafetensorsType.I8), info => Assert.Equal(0, info.Offset % 64));
        using var source = HuggingFaceFolder.Open(output);
        using var checkpoint = source.OpenCheckpoint();
        var live = Sightline.Tensors.Cpu.CpuEngine.Instance.Memory.LiveBytes;
        using var weight = checkpoint.MapQuantized(Layer)!;
        Assert.Equal(live, Sightline.Tensors.Cpu.CpuEngine.Instance.Memory.LiveBytes); // mapped bytes count as none
        Assert.Equal((64, 64, QuantizedFormat.Int8), (weight.OutputSize, weight.InputSize, weight.Format));
    }

    [Fact]
    public void A_plan_for_a_quantized_folder_runs_the_rounded_weights_in_float32()
    {
        using var folder = new TemporaryFolder();
        var output = Quantized(folder);
        var (full, exact, rounded) = (Logits(s_model, WeightPlan.AsStored), Logits(output, new WeightPlan(WeightFormat.Float32)), Logits(output, WeightPlan.AsStored));
        var (weights, both) = (Distance(full, exact), Distance(full, rounded));
        Assert.InRange(weights, 1e-5, 0.1);
        Assert.NotEqual(exact, rounded);
        Assert.InRange(both, weights / 2, 0.1);
    }

    [Fact]
    public void A_budget_gives_more_bits_to_the_layers_that_suffer_most()
    {
        using var folder = new TemporaryFolder();
        var plain = FolderQuantizer.Quantize(s_model, folder.File("plain"), new QuantizationOptions(new WeightPlan(WeightFormat.Int4)) { Calibration = s_reference });
        var raised = FolderQuantizer.Quantize(s_model, folder.File("raised"), new QuantizationOptions(new WeightPlan(WeightFormat.Int4)) { Calibration = s_reference, BudgetBits = 6 });
        Assert.All(plain.Layers, layer => Assert.InRange(layer.OutputError!.Value, 1e-3, 0.5));
        Assert.InRange(raised.Bits, plain.Bits, 6);
        Assert.Contains(raised.Layers, layer => layer.Raised);
        Assert.Contains(raised.Layers, layer => !layer.Raised);
        Assert.True(raised.Layers.Sum(layer => Math.Pow(layer.OutputError!.Value, 2)) < plain.Layers.Sum(layer => Math.Pow(layer.OutputError!.Value, 2)) / 1.2);
        Assert.True(QwenVlModel.Fit(folder.File("raised")).IsExact);
    }

    [Fact]
    public void The_check_compares_answers_with_the_full_model()
    {
        using var folder = new TemporaryFolder();
        var output = Quantized(folder);
        var results = AnswerCheck.Run(s_model, output, ReferenceFolder.Open(s_reference), tokens: 8, float32: true);
        Assert.Equal(["as quantized", "float32 activations"], results.Select(result => result.Variant));
        Assert.All(results, result =>
        {
            Assert.InRange(result.MeanLogitError, 1e-7, result.LogitDeviation / 5);
            Assert.InRange(result.NextTokenAgreement, 0.5, 1);
            Assert.InRange(result.TokensBeforeDifference, 1, 8);
            Assert.True(result.LargestLogitError >= result.MeanLogitError);
        });
        var same = Assert.Single(AnswerCheck.Run(s_model, s_model, ReferenceFolder.Open(s_reference), tokens: 4));
        Assert.Equal((0, 1.0, 1.0, 4.0), (same.LargestLogitError, same.NextTokenAgreement, same.GreedyAgreement, same.TokensBeforeDifference));
    }

    [Fact]
    public void A_fusion_folder_is_quantized_and_grounds()
    {
        using var folder = new TemporaryFolder();
        var (model, output, pictures) = (folder.File("model"), folder.File("quantized"), folder.File("pictures"));
        using (var fusion = new FusionModel(TinyFusion.Config with { HiddenSize = 64 }, ParameterStore.Initialize(3)))
            FusionFolder.Save(model, fusion, TinyFusion.TokenizerFolder, DType.Float32);
        Directory.CreateDirectory(pictures);
        TinyFusion.Picture().Save(Path.Combine(pictures, "a.png"));
        var report = FolderQuantizer.Quantize(model, output, new QuantizationOptions(FusionGroundingModel.Plan(QuantizedFormat.Int8)) { Calibration = pictures, Phrases = ["the cell"] });
        Assert.Contains(report.Layers, layer => layer.OutputError is > 1e-4 and < 0.1);
        using var onLoad = Grounder.Load(model, QuantizedFormat.Int8);
        using var stored = Grounder.Load(output);
        var picture = TinyFusion.Picture(seed: 1);
        Assert.Equal(Boxes(onLoad), Boxes(stored));
        var check = BoxCheck.Run(model, output, pictures, ["the cell", "the star"]);
        Assert.Equal(2, check.Answers);
        Assert.InRange(check.MeanOverlap, 0.5, 1);

        IEnumerable<Detection> Boxes(Grounder grounder) => grounder.Ground(picture, ["the cell"], GroundingOptions.ForEvaluation).Detections;
    }

    [Theory]
    [InlineData("layout_version", "2", "have the layout version 2 and this Sightline reads version 1: quantize the model again.")]
    [InlineData("quant_method", "\"gptq\"", "are quantized by 'gptq', which Sightline cannot read")]
    [InlineData("tensors", "{\"model.norm.weight\": {\"format\": \"int3\", \"shape\": [64, 64]}}", "does not describe 'model.norm.weight' as int8 or int4")]
    [InlineData("tensors", "{\"model.norm.weight\": {\"format\": \"int8\", \"shape\": [64, 64]}}", "'model.norm.weight' has no tensor 'model.norm.weight.int8'")]
    [InlineData("tensors", "{\"model.layers.0.self_attn.q_proj.weight\": {\"format\": \"int8\", \"shape\": [640, 64]}}", "is I8 [2, 2048] and must be I8 [20, 2048]")]
    public void A_configuration_that_does_not_fit_is_one_sentence(string key, string value, string expected)
    {
        using var folder = new TemporaryFolder();
        var output = Quantized(folder);
        var path = Path.Combine(output, "config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!;
        json["quantization_config"]![key] = JsonNode.Parse(value);
        File.WriteAllText(path, json.ToJsonString());
        Assert.Contains(expected, Refused(output).Replace('"', '\''), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_scales_are_named()
    {
        using var folder = new TemporaryFolder();
        var output = Quantized(folder);
        var path = Path.Combine(output, "model.safetensors");
        using (var whole = SafetensorsFile.Open(path))
        {
            var writer = new SafetensorsWriter();
            foreach (var info in whole.Tensors.Values.Where(info => info.Name != Layer + ".scales")) writer.Add(info.Name, info.Type, [.. info.Sizes], whole.Raw(info).ToArray());
            writer.Save(path);
        }

        Assert.Contains($"{Layer}.scales", Refused(output), StringComparison.Ordinal);
    }

    [Fact]
    public void A_truncated_file_is_named()
    {
        using var folder = new TemporaryFolder();
        var output = Quantized(folder);
        var path = Path.Combine(output, "model.safetensors");
        using (var file = File.OpenWrite(path)) file.SetLength(file.Length - 1024);
        Assert.Contains(path, Refused(output), StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_done_is_said_before_anything_is_written()
    {
        using var folder = new TemporaryFolder();
        var output = Quantized(folder);
        AssertRefused(ErrorKind.CannotWrite, "is there already", s_model, output, new QuantizationOptions(new WeightPlan(WeightFormat.Int8)));
        AssertRefused(ErrorKind.BadModel, "is quantized already", output, folder.File("b"), new QuantizationOptions(new WeightPlan(WeightFormat.Int8)));
        AssertRefused(ErrorKind.Usage, "quantizes nothing", s_model, folder.File("b"), new QuantizationOptions(WeightPlan.AsStored));
        AssertRefused(ErrorKind.Usage, "needs calibration inputs", s_model, folder.File("b"), new QuantizationOptions(new WeightPlan(WeightFormat.Int4)) { BudgetBits = 5 });
        AssertRefused(ErrorKind.Usage, "more than the budget of 5.00", s_model, folder.File("b"), new QuantizationOptions(new WeightPlan(WeightFormat.Int8)) { BudgetBits = 5, Calibration = s_reference });
        AssertRefused(ErrorKind.BadModel, "which cannot be quantized", Fixtures.Path("models", "bert"), folder.File("b"), new QuantizationOptions(new WeightPlan(WeightFormat.Int8)));
        Assert.Equal([output], Directory.GetFileSystemEntries(folder.Path));
    }

    private static string Quantized(TemporaryFolder folder)
    {
        var output = folder.File("quantized");
        FolderQuantizer.Quantize(s_model, output, new QuantizationOptions(new WeightPlan(WeightFormat.Int8)));
        return output;
    }

    private static string Refused(string folder)
    {
        var error = Assert.Throws<SightlineException>(() => QwenVlModel.Load(folder).Dispose());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.DoesNotContain('\n', error.Message);
        return error.Message;
    }

    private static void AssertRefused(ErrorKind kind, string expected, string model, string output, QuantizationOptions options)
    {
        var error = Assert.Throws<SightlineException>(() => FolderQuantizer.Quantize(model, output, options));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Equal(kind, error.Kind);
    }

    private static float[] Logits(string folder, WeightPlan plan)
    {
        using var inference = Tape.NoGrad();
        using var loaded = QwenVlModel.Load(folder, plan);
        var reference = ReferenceFolder.Open(s_reference);
        using var stored = reference.OpenCase("single_a");
        using var inputs = CaseInputs.Encode(loaded.Model, reference, stored, CancellationToken.None);
        return inputs.Logits(loaded.Model);
    }

    private static double Distance(float[] a, float[] b) =>
        Math.Sqrt(a.Zip(b, (x, y) => Math.Pow(x - y, 2)).Sum() / a.Sum(x => (double)x * x));
}
