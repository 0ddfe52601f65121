using Sightline.Checkpoints;
using Sightline.Tensors;
using Sightline.Testing;

namespace Sightline.Tests.Checkpoints;

[Collection(Alone.Name)]
public sealed class CheckpointTests : TensorTest
{
    [Fact]
    public void Shards_and_nested_names_hold_the_same_model()
    {
        using var scope = TensorScope.Open();
        using var sharded = Checkpoint.Open(Fixtures.Path("models", "tiny-qwen2_5-vl-bf16-sharded"));
        using var nested = Checkpoint.Open(Fixtures.Path("models", "tiny-qwen2_5-vl-bf16-nested-names"), Flatten);
        Assert.Equal(sharded.Names.Order(StringComparer.Ordinal), nested.Names.Order(StringComparer.Ordinal));
        foreach (var name in sharded.Names) Assert.True(sharded.Raw(name).SequenceEqual(nested.Raw(name)), name);
    }

    [Fact]
    public void A_folder_offers_its_files()
    {
        using var folder = HuggingFaceFolder.Open(Fixtures.Path("models", "tiny-qwen2-vl"));
        Assert.Equal("qwen2_vl", folder.ModelType);
        Assert.NotNull(folder.TokenizerJson);
        Assert.NotNull(folder.VocabJson);
        Assert.NotNull(folder.MergesText);
        Assert.EndsWith("chat_template.json", folder.ChatTemplate, StringComparison.Ordinal);
        Assert.Null(folder.VocabText);
        using var preprocessor = folder.ReadPreprocessor();
        Assert.True(preprocessor!.RootElement.TryGetProperty("patch_size", out _));
        Assert.Equal(ErrorKind.BadModel, Assert.Throws<SightlineException>(() => folder.Require("absent.json")).Kind);
        using var checkpoint = folder.OpenCheckpoint();
        Assert.True(checkpoint.Contains("model.embed_tokens.weight"));
    }

    [Fact]
    public void The_fit_report_names_every_kind_of_problem()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Open();
        var writer = new SafetensorsWriter();
        writer.Add("good", Tensor.Zeros([2, 3]));
        writer.Add("turned", Tensor.Zeros([3, 2]));
        writer.Add("extra", Tensor.Zeros([1]));
        foreach (var type in new[] { DType.Float32, DType.BFloat16, DType.Float16 })
            writer.Add($"sick {type}", Tensor.From<float>([1, float.NaN, float.NegativeInfinity, float.PositiveInfinity, 65504], [5]), type);
        writer.Save(folder.File("model.safetensors"));
        using var checkpoint = Checkpoint.Open(folder.Path);
        (string, Shape)[] wanted = [("good", [2, 3]), ("turned", [2, 3]), ("absent", [7]), ("sick Float32", [5]), ("sick BFloat16", [5]), ("sick Float16", [5])];

        var report = checkpoint.Fit(wanted, checkFinite: true);
        Assert.Equal(4, report.Matched);
        Assert.Equal(["absent"], report.Missing.Select(problem => problem.Name));
        Assert.Equal(["extra"], report.Unused.Select(problem => problem.Name));
        Assert.Equal(["turned"], report.WrongShape.Select(problem => problem.Name));
        Assert.All(report.NonFinite, problem => Assert.Equal("3 of 5 elements", problem.Detail));
        Assert.Equal(3, report.NonFinite.Count);
        Assert.False(report.IsUsable);
        var table = report.ToString();
        foreach (var word in new[] { "missing     absent", "[7]", "shape       turned", "[2, 3]", "F32 [3, 2]", "unused      extra", "not finite  sick" })
            Assert.Contains(word, table, StringComparison.Ordinal);
        var error = Assert.Throws<SightlineException>(report.ThrowIfUnusable);
        Assert.Equal(ErrorKind.BadModel, error.Kind);
    }

    [Fact]
    public void Loading_a_model_writes_all_parameters_or_none()
    {
        using var scope = TensorScope.Open();
        using var checkpoint = Checkpoint.Open(Fixtures.Path("models", "vit"));
        var parameters = checkpoint.Names.Select(name => (name, Tensor.Full(new Shape(Sizes(checkpoint[name])), 42))).ToList();
        Assert.True(checkpoint.LoadInto(parameters).IsExact);
        foreach (var (name, tensor) in parameters) Assert.Equal(checkpoint.Load(name).ToArray<float>(), tensor.ToArray<float>());

        foreach (var (_, tensor) in parameters) tensor.Engine.Fill(tensor, 42);
        parameters.Add(("new.head", Tensor.Full([2], 42)));
        Assert.Throws<SightlineException>(() => checkpoint.LoadInto(parameters));
        Assert.All(parameters, parameter => Assert.All(parameter.Item2.ToArray<float>(), value => Assert.Equal(42, value)));
        var report = checkpoint.LoadInto(parameters, mayMiss: name => name.StartsWith("new.", StringComparison.Ordinal));
        Assert.Equal("new.head", Assert.Single(report.Missing).Name);
        Assert.Equal([42f, 42f], parameters[^1].Item2.ToArray<float>());
    }

    [Fact]
    public void A_wrong_element_count_is_refused_with_both_shapes()
    {
        using var scope = TensorScope.Open();
        using var checkpoint = Checkpoint.Open(Fixtures.Path("models", "vit", "model.safetensors"));
        var name = checkpoint.Names.First();
        var error = Assert.Throws<SightlineException>(() => checkpoint.LoadInto(name, Tensor.Zeros([1, 2, 77])));
        Assert.Contains("[1, 2, 77]", error.Message, StringComparison.Ordinal);
        Assert.Contains(checkpoint[name].ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_comes_twice_is_refused() =>
        Assert.Contains("twice", Assert.Throws<SightlineException>(() => Checkpoint.Open(Fixtures.Path("models", "vit"), _ => "one")).Message, StringComparison.Ordinal);

    private static int[] Sizes(TensorInfo info) => info.Sizes.Select(size => (int)size).ToArray();

    /// <summary>The names of newer transformers versions to those of the published checkpoints.</summary>
    private static string Flatten(string name) => name
        .Replace("model.visual.", "visual.", StringComparison.Ordinal)
        .Replace("model.language_model.", "model.", StringComparison.Ordinal);
}
