using System.Text.Json;
using Sightline.Checkpoints;
using Sightline.Tensors;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

[Collection(Alone.Name)]
public sealed class VerifyTests : TensorTest
{
    private static readonly string s_reference = Fixtures.Path("qwen", "qwen3_goldens", "tiny-qwen3-vl-bf16");

    [Fact]
    public async Task A_model_that_equals_its_reference_passes()
    {
        var run = await CommandLineRun.Of("verify", "--model", Fixtures.Path("models", "tiny-qwen3-vl-bf16"), "--reference", s_reference);
        Assert.Equal((0, "case single_a\ncase batch_images_leftpad\n"), (run.ExitCode, run.Error));
        Assert.Matches(@"vision\.block\.1 +2 +\d\.\de-0[56] ", run.Out);
        Assert.Matches(@"generate\.greedy32_ids +2 +0 +0 +equal +single_a +ok", run.Out);
        Assert.Contains("55 comparisons, all within their tolerances; 75 weights.", run.Out);
    }

    [Fact]
    public async Task The_first_layer_that_is_off_is_named()
    {
        var folder = Directory.CreateTempSubdirectory("sightline-test-").FullName;
        try
        {
            Change(Fixtures.Path("models", "tiny-qwen3-vl"), folder, "model.language_model.layers.1.self_attn.q_norm.weight");
            var run = await CommandLineRun.Of("verify", "-m", folder, "-r", Fixtures.Path("qwen", "qwen3_goldens", "tiny-qwen3-vl"), "--case", "single_a", "--no-generate");
            Assert.Equal((int)ErrorKind.CheckFailed, run.ExitCode);
            Assert.Matches(@"text\.layer\.0 .* ok\n", run.Out);
            Assert.Matches(@"text\.layer\.1 .* OFF\n", run.Out);
            Assert.Contains("The first one: text.layer.1 of the case single_a, element ", run.Out);
            Assert.DoesNotContain("generate.", run.Out);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Json_has_every_comparison()
    {
        var run = await CommandLineRun.Of("verify", "-m", Fixtures.Path("models", "tiny-qwen3-vl-bf16"), "-r", s_reference, "--case", "single_a", "--weights", "int8", "--json");
        Assert.Equal((int)ErrorKind.CheckFailed, run.ExitCode);
        using var document = JsonDocument.Parse(run.Out);
        Assert.False(document.RootElement.GetProperty("passed").GetBoolean());
        Assert.Contains(document.RootElement.GetProperty("comparisons").EnumerateArray(), entry => entry.GetProperty("tensor").GetString() == "vision.deepstack.0" && entry.GetProperty("passed").GetBoolean() is false);
    }

    [Fact]
    public async Task What_is_no_reference_says_so()
    {
        var run = await CommandLineRun.Of("verify", "-m", Fixtures.Path("models", "tiny-qwen3-vl-bf16"), "-r", Fixtures.Path("qwen"));
        Assert.Equal((int)ErrorKind.NotFound, run.ExitCode);
        Assert.Contains("has no cases.json", run.Sentence);
        run = await CommandLineRun.Of("verify", "-m", Fixtures.Path("models", "tiny-qwen3-vl-bf16"), "-r", s_reference, "--case", "single_x");
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Contains("has no case 'single_x': it has single_a, batch_images_leftpad", run.Sentence);
    }

    [Fact]
    public async Task A_reference_of_another_model_is_off_from_the_start()
    {
        var run = await CommandLineRun.Of("verify", "-m", Fixtures.Path("models", "tiny-qwen3-vl"), "-r", s_reference, "--case", "single_a");
        Assert.Equal((int)ErrorKind.CheckFailed, run.ExitCode);
        Assert.Contains("The first one: vision.patch_embed of the case single_a", run.Out);
    }

    /// <summary>A copy of a model folder with one weight moved by a tenth.</summary>
    private static void Change(string model, string folder, string weight)
    {
        foreach (var file in Directory.GetFiles(model)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        using var scope = TensorScope.Open();
        using var checkpoint = Checkpoint.Open(model);
        var writer = new SafetensorsWriter();
        foreach (var name in checkpoint.Names)
        {
            var tensor = checkpoint.Load(name);
            if (name == weight) tensor.AsSpan<float>()[3] *= 1.1f;
            writer.Add(name, tensor);
        }

        writer.Save(Path.Combine(folder, "model.safetensors"));
    }
}
