using Sightline.Imaging;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>What training says of its data: that it changed since the run began, that boxes reach out of pictures, that a problem lacks something.</summary>
[Collection(Alone.Name)]
public sealed class TrainDataTests : IDisposable
{
    private readonly TinyTuning _tuning = new();

    public void Dispose() => _tuning.Dispose();

    [Fact]
    public async Task Tuning_goes_on_with_the_data_that_it_began_with_alone()
    {
        var (problems, run) = (_tuning.At("problems.jsonl"), _tuning.At("run"));
        var whole = (await File.ReadAllTextAsync(problems, TestContext.Current.CancellationToken)).Replace("[0, 0, 1000, 500]", "[-50, 0, 2000, 500]", StringComparison.Ordinal);
        await File.WriteAllTextAsync(problems, whole, TestContext.Current.CancellationToken);
        string[] train = ["train", _tuning.Path, "--output", run, "--quiet"];
        var first = await CommandLineRun.Of(train);
        Assert.Equal(0, first.ExitCode);
        Assert.Equal($"warning: 1 box of the train source 'shapes' reaches out of the picture and is cut off at its edge; to see them: sightline data lint {problems}", first.Sentence);
        Assert.Contains("box-outside", (await CommandLineRun.Of("data", "lint", problems)).Out, StringComparison.Ordinal);

        await File.WriteAllLinesAsync(problems, whole.Split('\n')[..2], TestContext.Current.CancellationToken);
        var shorter = await CommandLineRun.Of(train);
        Assert.Equal(
            ((int)ErrorKind.BadData, $"error: {problems} (train source 'shapes') is not what this run began with (3 entries then, 2 now): restore it, or train into another folder with --output"),
            (shorter.ExitCode, shorter.Sentence));
        await File.WriteAllTextAsync(problems, whole.Replace("red square", "red circle", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        Assert.Contains("(its 3 entries have changed)", (await CommandLineRun.Of(train)).Sentence, StringComparison.Ordinal);

        // written otherwise, or a run of before such marks: it goes on
        await File.WriteAllTextAsync(problems, whole.Replace("{\"id\"", "{ \"id\"", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        Assert.Equal(0, (await CommandLineRun.Of(train)).ExitCode);
        File.Delete(Path.Combine(run, "data.json"));
        await File.WriteAllLinesAsync(problems, whole.Split('\n')[..2], TestContext.Current.CancellationToken);
        Assert.Equal(0, (await CommandLineRun.Of(train)).ExitCode);
        await File.WriteAllTextAsync(Path.Combine(run, "data.json"), "[{", TestContext.Current.CancellationToken);
        Assert.Contains("data.json is damaged", (await CommandLineRun.Of(train)).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Training_goes_on_with_the_pictures_that_it_began_with_alone()
    {
        using var tiny = new TinyRecipe();
        var folder = Path.GetDirectoryName(tiny.Path)!;
        var (data, labels) = (Path.Combine(folder, "shapes.jsonl"), new List<string>());
        for (var i = 0; i < 4; i++)
        {
            var rgb = new byte[100 * 80 * 3];
            for (var p = 0; p < rgb.Length; p++) rgb[p] = (byte)((p * (3 + i)) ^ (p >> 7));
            new Picture(100, 80, rgb).Save(Path.Combine(folder, $"{i}.png"));
            labels.Add($$"""{"picture": "{{i}}.png", "width": 100, "height": 80, "frame": "pixels", "objects": [{"label": "star", "box": [10, 20, {{60 + i}}, 70]}]}""");
        }

        await File.WriteAllLinesAsync(data, labels, TestContext.Current.CancellationToken);
        string[] train = ["train", tiny.Path, "-o", tiny.Run(), "--quiet", "--set", "stages[0].steps=1", "--set", "stages[1].steps=1", "--set", $$"""train=[{"name": "shapes", "pictures": {"path": "{{data}}"} }]"""];
        var first = await CommandLineRun.Of(train);
        Assert.Equal((0, ""), (first.ExitCode, first.Error));
        await File.WriteAllTextAsync(data, string.Join('\n', labels).Replace("[10, 20,", "[10, 20.5,", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        var other = await CommandLineRun.Of(train);
        Assert.Equal(((int)ErrorKind.BadData, $"error: {data} (train source 'shapes') is not what this run began with (its 4 entries have changed): restore it, or train into another folder with --output"), (other.ExitCode, other.Sentence));
        await File.WriteAllLinesAsync(data, labels, TestContext.Current.CancellationToken);
        Assert.Equal(0, (await CommandLineRun.Of(train)).ExitCode);
    }

    [Theory]
    [InlineData("""{"prompt": "Where?", "solution": "(1,2),(3,4)"}""", false, "it has no answer to learn, which a supervised stage needs: add its \"answer\", or drop the stage")]
    [InlineData("""{"prompt": "Where?", "boxes": [[0, 0, 10, 10]], "box_frame": "thousandths"}""", true, "it has boxes and no picture that they are in: add \"pictures\"")]
    [InlineData("""{"prompt": "Where?"}""", true, "it has neither a solution nor boxes, a label or an answer, and nothing can be rewarded: add one of them")]
    [InlineData("""{"prompt": "Where?", "solution": "hm [1,2"}""", true, "sightline/box_iou: the solution cannot be read: the answer ends in the middle: correct it (sightline data lint shows all such)")]
    [InlineData("""{"prompt": "Where?", "solution": "{'bbox_2d': [5, 5, 5, 9]}"}""", true, "sightline/box_iou: the solution cannot be read: a box has no area")]
    [InlineData("LONG", true, "they exceed the model's")]
    public async Task A_problem_that_cannot_be_learned_from_is_named_with_its_line(string problem, bool isTried, string sentence)
    {
        if (problem == "LONG") problem = $$"""{"prompt": "{{string.Concat(Enumerable.Repeat("where is it ", 20_000))}}", "solution": "(1,2),(3,4)"}""";
        await File.WriteAllLinesAsync(_tuning.At("problems.jsonl"), ["", problem], TestContext.Current.CancellationToken);
        string[] more = isTried ? ["--preflight", "1"] : ["--quiet"];
        var run = await CommandLineRun.Of(["train", _tuning.Path, "--output", _tuning.At("run"), .. more]);
        Assert.Equal((int)ErrorKind.BadData, run.ExitCode);
        Assert.Contains($"source 'shapes', problem '2' ({_tuning.At("problems.jsonl")}, line 2): ", run.Error, StringComparison.Ordinal);
        Assert.Contains(sentence, run.Error, StringComparison.Ordinal);
        if (problem.Length < 200 && isTried) Assert.Equal((int)ErrorKind.CheckFailed, (await CommandLineRun.Of("data", "lint", _tuning.At("problems.jsonl"))).ExitCode);
    }

    [Fact]
    public async Task Conversations_are_rewarded_by_their_answers()
    {
        var file = _tuning.At("share.json");
        await File.WriteAllTextAsync(file, """[{"messages": [{"role": "user", "content": "<image>Where is it?"}, {"role": "assistant", "content": "(100,100),(500,500)"}], "images": ["a.png"]}]""", TestContext.Current.CancellationToken);
        var run = await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("run"), "--preflight", "1", "--set", $"train[0].problems={file}", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        Assert.Contains("\"iou_histogram\"", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_template_that_is_the_tokenizers_is_named()
    {
        var model = _tuning.At("model");
        Directory.CreateDirectory(model);
        foreach (var file in Directory.GetFiles(Fixtures.Path("models", "tiny-qwen2-vl")).Where(file => Path.GetFileName(file) != "chat_template.json")) File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        var run = await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("run"), "--quiet", "--set", $"model.checkpoint={model}", "--set", "stages[1].steps=1");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains($"warning: the model has no chat template of its own (chat_template.jinja or chat_template.json): the one in {Path.Combine(model, "tokenizer_config.json")} is used", run.Error, StringComparison.Ordinal);
    }
}
