using System.Text.Json;
using Sightline.Imaging;
using Sightline.Training.Data;

namespace Sightline.Cli.Tests.Commands;

public class GroundTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task Every_output_is_written()
    {
        var run = await CommandLineRun.Of(
            "ground", tiny.Photo, "the red cell", "a star", "-m", tiny.Model, "--threshold", "0", "--most", "2", "--output", tiny.At("out", "found.png"),
            "--crops", tiny.At("crops"), "--margin", "0.1", "--export", "coco", "--export-to", tiny.At("found.json"), "--json", tiny.At("answers.json"));
        Assert.Equal(0, run.ExitCode);
        Assert.All(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.StartsWith("wrote ", line));
        Assert.DoesNotContain("wrote", run.Out);
        Assert.Contains($"wrote {tiny.At("answers.json")}\n", run.Error);
        var crops = Directory.GetFiles(tiny.At("crops")).Order(StringComparer.Ordinal).Select(file => Path.GetFileNameWithoutExtension(file)[10..]).ToList();
        Assert.Equal(["the-red-cell", "the-red-cell", "a-star", "a-star"], crops); // as in the table
        using var answers = JsonDocument.Parse(await File.ReadAllBytesAsync(tiny.At("answers.json")));
        var found = answers.RootElement.GetProperty("answers").EnumerateArray().SelectMany(answer => answer.GetProperty("detections").EnumerateArray()).ToList();
        Assert.NotEmpty(found);
        Assert.All(found, detection =>
        {
            var box = detection.GetProperty("box").EnumerateArray().Select(value => value.GetDouble()).ToArray();
            Assert.InRange(box[0], 0, 80);
            Assert.InRange(box[3], box[1], 60);
        });
        var picture = Picture.Load(tiny.At("out", "found.png"));
        Assert.Equal((80, 60), (picture.Width, picture.Height));
        Assert.Equal(found.Count, Directory.GetFiles(tiny.At("crops"), "photo-*.png").Length);
        var exported = DataSet.Open(tiny.At("found.json"), DataFormat.Coco);
        Assert.Equal(found.Count, exported.Samples.Single().Objects.Count);
        Assert.Contains("\"score\":", await File.ReadAllTextAsync(tiny.At("found.json")));
    }

    [Fact]
    public async Task Coco_without_an_extension_gets_one()
    {
        var run = await CommandLineRun.Of("ground", tiny.Photo, "the red cell", "-m", tiny.Model, "--threshold", "0", "--most", "1", "--no-picture", "--export", "coco", "--export-to", tiny.At("dogs"));
        Assert.Equal((0, $"wrote {tiny.At("dogs.json")}"), (run.ExitCode, run.Sentence));
        Assert.True(File.Exists(tiny.At("dogs.json")));
    }

    [Theory]
    [InlineData("yolo")]
    [InlineData("voc")]
    public async Task Folder_formats_are_exported_too(string format)
    {
        var target = tiny.At("export-" + format);
        var run = await CommandLineRun.Of("ground", tiny.Photo, "the red cell", "-m", tiny.Model, "--threshold", "0", "--most", "1", "--no-picture", "--export", format, "--export-to", target);
        Assert.Equal((0, $"wrote {target}"), (run.ExitCode, run.Sentence));
        Assert.Single(DataSet.Open(target).Samples.SelectMany(sample => sample.Objects));
        Assert.Equal(0, (await CommandLineRun.Of("data", "lint", target)).ExitCode); // the picture lies beside its labels
        var labels = tiny.At("labels-" + format);
        await CommandLineRun.Of("ground", tiny.Photo, "the red cell", "-m", tiny.Model, "--threshold", "0", "--no-picture", "--export", format, "--export-to", labels, "--export-labels-only");
        Assert.Empty(Directory.GetFiles(labels, "*.png", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("--output")]
    [InlineData("--json")]
    public async Task The_picture_itself_is_never_written_over(string option)
    {
        var before = await File.ReadAllBytesAsync(tiny.Photo);
        var link = tiny.At($"link-{option[2..]}.json");
        File.CreateSymbolicLink(link, tiny.Photo);
        foreach (var target in option == "--json" ? [link] : new[] { tiny.Photo, Path.Combine(tiny.Folder, ".", "photo.png"), link })
        {
            var run = await CommandLineRun.Of("ground", tiny.Photo, "the red cell", "-m", tiny.Model, option, target);
            Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
            Assert.Contains("is what is read here and would be lost", run.Sentence);
        }

        Assert.Equal(before, await File.ReadAllBytesAsync(tiny.Photo));
    }

    [Theory]
    [InlineData("found.xyz", "pictures are written as .jpg, .png or .webp, not as '.xyz'")]
    [InlineData("", "is a folder: give a file name")]
    public async Task A_name_that_no_picture_can_have_is_refused_before_the_model_is_looked_for(string name, string sentence)
    {
        Directory.CreateDirectory(tiny.At("folder.png"));
        var run = await CommandLineRun.Of("ground", tiny.Photo, "the red cell", "-m", tiny.At("no-model"), "--output", tiny.At(name.Length > 0 ? name : "folder.png"));
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Contains(sentence, run.Sentence);
    }

    [Fact]
    public async Task A_phrase_with_a_line_break_stays_in_its_row()
    {
        var run = await CommandLineRun.Of("ground", tiny.Photo, "the red\ncell", "-m", tiny.Model, "--threshold", "0", "--most", "1", "--no-picture");
        Assert.Equal(3, run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("the red cell", run.Out);
    }

    [Fact]
    public async Task Export_to_without_export_is_wrong_usage()
    {
        var run = await CommandLineRun.Of("ground", tiny.Photo, "the red cell", "-m", tiny.Model, "--export-to", tiny.At("x.json"));
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Contains("add --export", run.Sentence);
    }

    [Theory]
    [InlineData("--treshold", "; did you mean --threshold?")]
    [InlineData("--treshold=0.9", "'--treshold' is no command or option here; did you mean --threshold?")]
    [InlineData("--something-else", "'--something-else' is no command or option here (words that begin with -- go after a bare --)")]
    public async Task A_mistyped_option_is_no_phrase(string option, string sentence)
    {
        var run = await CommandLineRun.Of("ground", tiny.Photo, "the red cell", option, "0.9", "-m", tiny.Model, "--no-picture");
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Contains(sentence, run.Sentence);
    }

    [Fact]
    public async Task After_a_bare_dash_dash_everything_is_a_phrase()
    {
        var run = await CommandLineRun.Of("ground", "-m", tiny.Model, "--no-picture", tiny.Photo, "--", "--treshold");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("--treshold", run.Out);
    }

    [Fact]
    public async Task A_phrase_that_is_cut_is_said()
    {
        var phrase = string.Join(' ', Enumerable.Repeat("red", 300));
        var run = await CommandLineRun.Of("ground", tiny.Photo, "a cell", phrase, "-m", tiny.Model, "--json");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("warning: the phrase 'red red", run.Sentence);
        using var answers = JsonDocument.Parse(run.Out);
        Assert.False(answers.RootElement.GetProperty("answers")[0].TryGetProperty("ignored_word_pieces", out _));
        Assert.True(answers.RootElement.GetProperty("answers")[1].GetProperty("ignored_word_pieces").GetInt32() > 0);
    }

    [Theory]
    [InlineData("0,5", "a number is needed, such as 0.5")]
    [InlineData("1,000", "a number is needed, such as 0.5")]
    [InlineData("half", "a number is needed, such as 0.5")]
    [InlineData("1.5", "--threshold must be from 0 to 1, not 1.5")]
    [InlineData("nan", "--threshold must be from 0 to 1")]
    public async Task A_comma_is_no_mark_of_thousands(string threshold, string sentence)
    {
        var run = await CommandLineRun.Of("ground", tiny.Photo, "a cell", "-m", tiny.Model, "--threshold", threshold);
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Contains(sentence, run.Sentence);
    }

    [Fact]
    public async Task Crops_that_cannot_be_written_leave_nothing()
    {
        var folder = tiny.At("full-crops");
        Directory.CreateDirectory(Path.Combine(folder, "photo-002-the-red-cell.png")); // a folder stands where the second crop belongs
        var run = await CommandLineRun.Of("ground", tiny.Photo, "the red cell", "-m", tiny.Model, "--threshold", "0", "--most", "2", "--no-picture", "--crops", folder);
        Assert.Equal((int)ErrorKind.CannotWrite, run.ExitCode);
        Assert.Contains(folder, run.Sentence);
        Assert.DoesNotContain(".tmp", run.Sentence);
        Assert.Empty(Directory.GetFiles(folder, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task An_unknown_value_lists_the_known_ones_in_one_line()
    {
        var run = await CommandLineRun.Of("ground", tiny.Photo, "a cell", "--export", "pascal");
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.DoesNotContain('\t', run.Sentence);
        Assert.All(["'coco', ", "'voc'", "'yolo'"], value => Assert.Contains(value, run.Sentence));
    }

    [Fact]
    public async Task Json_on_stdout_is_json_alone_and_writes_no_picture()
    {
        var before = Directory.GetFiles(Environment.CurrentDirectory);
        var run = await CommandLineRun.Of("ground", tiny.Photo, "the red cell", "-m", tiny.Model, "--threshold", "1", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using var answers = JsonDocument.Parse(run.Out);
        Assert.Equal("the red cell", answers.RootElement.GetProperty("answers")[0].GetProperty("phrase").GetString());
        Assert.Equal(before, Directory.GetFiles(Environment.CurrentDirectory));
    }

    [Fact]
    public async Task Nothing_found_is_said()
    {
        var run = await CommandLineRun.Of("ground", tiny.Photo, "the red cell", "-m", tiny.Model, "--threshold", "1", "--no-picture");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("nothing here", run.Out);
    }

    [Theory]
    [InlineData("missing.jpg", ErrorKind.NotFound)]
    [InlineData("text.jpg", ErrorKind.BadPicture)]
    [InlineData("empty.jpg", ErrorKind.BadPicture)]
    public async Task A_bad_picture_is_one_sentence_with_its_name(string name, ErrorKind kind)
    {
        await File.WriteAllTextAsync(tiny.At("text.jpg"), "this is no picture at all");
        await File.WriteAllTextAsync(tiny.At("empty.jpg"), "");
        var run = await CommandLineRun.Of("ground", tiny.At(name), "a cell", "-m", tiny.Model);
        Assert.Equal((int)kind, run.ExitCode);
        Assert.Contains(name, run.Sentence);
        Assert.Equal("", run.Out);
    }

    [Fact]
    public async Task An_empty_phrase_is_wrong_usage()
    {
        var run = await CommandLineRun.Of("ground", tiny.Photo, "  ", "-m", tiny.Model);
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Contains("phrase 1 of 1 is empty", run.Sentence);
    }

    [Fact]
    public async Task A_folder_that_is_no_model_says_so()
    {
        var run = await CommandLineRun.Of("ground", tiny.Photo, "a cell", "-m", tiny.Folder);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(tiny.Folder, run.Sentence);
    }

    [Fact]
    public async Task An_empty_model_name_and_a_file_are_said()
    {
        var empty = await CommandLineRun.Of("ground", tiny.Photo, "a cell", "-m", "");
        Assert.Equal((int)ErrorKind.Usage, empty.ExitCode);
        Assert.Contains("the name of the model is empty", empty.Sentence);
        var file = await CommandLineRun.Of("ground", tiny.Photo, "a cell", "-m", Path.Combine(tiny.Model, "model.safetensors"));
        Assert.Equal((int)ErrorKind.NotFound, file.ExitCode);
        Assert.Contains($"is a file: give the model's folder, {tiny.Model}", file.Sentence);
    }

    [Fact]
    public async Task An_unwritable_result_is_CannotWrite()
    {
        await File.WriteAllTextAsync(tiny.At("file"), "a file where a folder should be");
        var run = await CommandLineRun.Of("ground", tiny.Photo, "a cell", "-m", tiny.Model, "--output", tiny.At("file", "found.png"));
        Assert.Equal((int)ErrorKind.CannotWrite, run.ExitCode);
    }

    [Fact]
    public async Task Cancelled_work_ends_with_130()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        var run = await CommandLineRun.Of(cancelled.Token, "ground", tiny.Photo, "a cell", "-m", tiny.Model, "--no-picture");
        Assert.Equal((ExitCode.Interrupted, "stopped"), (run.ExitCode, run.Sentence));
    }

    [Fact]
    public async Task Demo_answers_the_phrases_of_every_sample()
    {
        var samples = Directory.CreateDirectory(tiny.At("samples")).FullName;
        File.Copy(tiny.Photo, Path.Combine(samples, "one.png"), overwrite: true);
        await File.WriteAllTextAsync(Path.Combine(samples, "phrases.json"), "{\"one.png\": [\"a cell\", \"the ring\"]}");
        var run = await CommandLineRun.Of("demo", "--model", tiny.Model, "--samples", samples, "--output", tiny.At("demo"));
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        Assert.Contains("one.png", run.Out);
        Assert.True(File.Exists(tiny.At("demo", "one.boxes.jpg")));
    }

    [Fact]
    public async Task Pixels_are_those_of_the_canvas()
    {
        var run = await CommandLineRun.Of("inspect", "pixels", tiny.Photo, "-m", tiny.Model, "--output", tiny.At("pixels.safetensors"), "--resized", tiny.At("resized.png"));
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        Assert.Contains("picture: 80 x 60\ncanvas: 64 x 64\npixel values [1, 64, 64, 3]", run.Out);
        using var file = Checkpoints.SafetensorsFile.Open(tiny.At("pixels.safetensors"));
        var values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(file.Raw(file["pixel_values"]));
        var canvas = Picture.Load(tiny.At("resized.png"));
        for (var i = 0; i < values.Length; i++) Assert.Equal((canvas.Pixels[i] / 255.0 - 0.5) / 0.25, values[i], 1e-5);
    }

    [Fact]
    public async Task Models_are_described()
    {
        var run = await CommandLineRun.Of("models", "info", tiny.Model);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("model_type: sightline_fusion", run.Out);
        Assert.Contains("[4, 4, 8]", run.Out);
        Assert.Contains("BF16", run.Out);
    }

    [Fact]
    public async Task Presets_are_listed_by_name()
    {
        var run = await CommandLineRun.Of("presets", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using var presets = JsonDocument.Parse(run.Out);
        Assert.Equal(["nano", "small", "base"], presets.RootElement.EnumerateObject().Select(preset => preset.Name));
        Assert.True(presets.RootElement.GetProperty("nano").GetProperty("parameters").GetInt64() > 1_000_000);
        foreach (var figure in (string[])["parameters", "picture_flops", "phrase_flops", "training_bytes_batch_8"])
        {
            var figures = presets.RootElement.EnumerateObject().Select(preset => preset.Value.GetProperty(figure).GetInt64()).ToArray();
            Assert.True(figures[0] > 0 && figures[0] < figures[1] && figures[1] < figures[2], $"{figure}: {string.Join(", ", figures)}");
        }

        var table = await CommandLineRun.Of("presets");
        Assert.Equal((0, ""), (table.ExitCode, table.Error));
        Assert.Matches(@"nano +\d+ x \d+ +\d+\.\d M +\d+\.\d MB +\d+\.\d GFLOP +\d+\.\d\d GFLOP +\d+\.\d GB", table.Out);
    }
}
