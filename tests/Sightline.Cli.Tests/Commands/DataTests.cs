using System.Text.Json;
using Sightline.Imaging;
using Sightline.Training.Data;

namespace Sightline.Cli.Tests.Commands;

public sealed class DataTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Convert_writes_the_format_and_says_what_is_lost()
    {
        var coco = MakeSet("cells", pictures: 3);
        var run = await CommandLineRun.Of("data", "convert", coco, Path.Combine(_folder, "cells.jsonl"), "--to", "sightline");
        Assert.Equal(0, run.ExitCode);
        Assert.EndsWith("3 pictures, 3 boxes, 0 phrases (sightline)\n", run.Out);
        var back = DataSet.Open(Path.Combine(_folder, "cells.jsonl"));
        Assert.Equal([10, 10, 10], back.Samples.Select(sample => sample.Objects.Single().Box.Width));
    }

    [Theory]
    [InlineData("yolo", "images")]
    [InlineData("voc", "JPEGImages")]
    public async Task Convert_says_that_pictures_are_not_where_the_format_looks(string format, string place)
    {
        var coco = MakeSet("cells", pictures: 3);
        var output = Path.Combine(_folder, "out");
        var run = await CommandLineRun.Of("data", "convert", coco, output, "--to", format);
        Assert.Equal((0, $"warning: 3 pictures do not lie in {Path.Combine(output, place)}, where {format} looks for them: --copy-pictures copies them there"), (run.ExitCode, run.Sentence));
        if (format == "yolo")
        {
            var back = await CommandLineRun.Of("data", "convert", output, Path.Combine(_folder, "back.jsonl"), "--to", "sightline");
            Assert.Contains($"lost: pictures: 3 are not in '{Path.Combine(output, "labels")}', so that their sizes are not known and the ends of their names (.jpg) are guessed", back.Error);
        }

        run = await CommandLineRun.Of("data", "convert", coco, output, "--to", format, "--copy-pictures");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal((0, ""), ((await CommandLineRun.Of("data", "convert", coco, output, "--to", format)).ExitCode, run.Error)); // they lie there already
        Assert.Equal(0, (await CommandLineRun.Of("data", "lint", output)).ExitCode);
    }

    /// <summary>The steps of the guide: annotations beside the pictures, a set of one's own in another folder, problems of that.</summary>
    [Fact]
    public async Task Pictures_are_found_from_whatever_folder_is_written_to()
    {
        var (coco, other) = (MakeSet("cells", pictures: 3), Directory.CreateDirectory(Path.Combine(_folder, "deep", "other")).FullName);
        var (set, problems) = (Path.Combine(other, "set.jsonl"), Path.Combine(other, "problems.jsonl"));
        var run = await CommandLineRun.Of("data", "convert", coco, set, "--to", "sightline", "--hold-out", "0.4");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("\"picture\":\"../../cells-0.png\",\"id\":\"cells-0.png\"", await File.ReadAllTextAsync(set, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(0, (await CommandLineRun.Of("data", "lint", set)).ExitCode);
        run = await CommandLineRun.Of("data", "convert", set, problems, "--to", "problems", "--split", "train");
        Assert.Equal(0, run.ExitCode);
        Assert.DoesNotContain("pictures are not", run.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await CommandLineRun.Of("data", "lint", problems)).ExitCode);

        run = await CommandLineRun.Of("data", "convert", coco, Path.Combine(other, "again.json"), "--to", "coco");
        Assert.Equal((0, $"warning: 3 pictures are not found from {Path.Combine(other, "again.json")}: --copy-pictures copies them beside it, or name their folder with --pictures when it is read"), (run.ExitCode, run.Sentence));
    }

    [Fact]
    public async Task Yolo_names_the_splits_that_there_are()
    {
        var output = Path.Combine(_folder, "yolo");
        await CommandLineRun.Of("data", "convert", MakeSet("cells", pictures: 2), output, "--to", "yolo", "--copy-pictures");
        var yaml = await File.ReadAllTextAsync(Path.Combine(output, "data.yaml"));
        Assert.Contains("train: images\n", yaml);
        Assert.DoesNotContain("val:", yaml);
    }

    [Fact]
    public async Task Only_formats_that_are_written_can_be_asked_for()
    {
        var run = await CommandLineRun.Of("data", "convert", MakeSet("cells", pictures: 1), Path.Combine(_folder, "x"), "--to", "lisa");
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        var help = await CommandLineRun.Of("data", "convert", "--help");
        var formats = help.Out.Split("--to")[1].Split("--format")[0];
        Assert.Contains("voc", formats);
        Assert.DoesNotContain("lisa", formats);
        Assert.DoesNotContain("folders", formats);
    }

    [Fact]
    public async Task Lint_lists_all_labels_without_a_picture_and_other_commands_name_the_first()
    {
        var coco = MakeSet("cells", pictures: 3);
        await File.WriteAllTextAsync(coco, (await File.ReadAllTextAsync(coco)).Replace("\"image_id\": 1,", "\"image_id\": 71,").Replace("\"image_id\": 3,", "\"image_id\": 73,"));
        var run = await CommandLineRun.Of("data", "lint", coco);
        Assert.Equal((int)ErrorKind.CheckFailed, run.ExitCode);
        Assert.Contains("2 stray-label", run.Out);
        Assert.Contains("image 73", run.Out);
        var other = await CommandLineRun.Of("data", "inspect", coco);
        Assert.Equal((int)ErrorKind.BadData, other.ExitCode);
        Assert.Contains("annotations[0] is about image 71, which is not in 'images', and 1 more like it", other.Sentence);
    }

    [Fact]
    public async Task Convert_can_hold_out_blocks()
    {
        var coco = MakeSet("cells", pictures: 8);
        var output = Path.Combine(_folder, "split.jsonl");
        var run = await CommandLineRun.Of("data", "convert", coco, output, "--to", "sightline", "--hold-out-every", "4", "--hold-out-block", "2");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(["cells-0.png", "cells-1.png"], DataSet.Open(output).Where("val").Samples.Select(sample => Path.GetFileName(sample.PictureFile)));
    }

    [Fact]
    public async Task Inspect_counts_and_writes_a_page()
    {
        var page = Path.Combine(_folder, "page.html");
        var run = await CommandLineRun.Of("data", "inspect", MakeSet("cells", pictures: 3), "--html", page);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("3 pictures, 0 without boxes, 0 files missing; 3 boxes", run.Out);
        Assert.Contains("<html", await File.ReadAllTextAsync(page));
        var json = await CommandLineRun.Of("data", "inspect", MakeSet("cells", pictures: 3), "--json");
        using var document = JsonDocument.Parse(json.Out);
        Assert.Equal(3, document.RootElement.GetProperty("classes")[0].GetProperty("boxes").GetInt32());
    }

    [Fact]
    public async Task Lint_of_a_clean_set_is_0()
    {
        var run = await CommandLineRun.Of("data", "lint", MakeSet("cells", pictures: 3));
        Assert.Equal((0, "", "nothing to complain about\n"), (run.ExitCode, run.Error, run.Out));
    }

    [Fact]
    public async Task Lint_finds_a_picture_in_two_splits()
    {
        var train = MakeSet("train", pictures: 3);
        var val = MakeSet("val", pictures: 1); // the same pixels as the first of train
        var run = await CommandLineRun.Of("data", "lint", train, val, "--json");
        Assert.Equal((int)ErrorKind.CheckFailed, run.ExitCode);
        using var findings = JsonDocument.Parse(run.Out);
        Assert.Contains(findings.RootElement.EnumerateArray(), finding => finding.GetProperty("rule").GetString() == "leakage");
    }

    [Fact]
    public async Task Convert_does_not_write_over_what_it_reads()
    {
        var coco = MakeSet("cells", pictures: 1);
        foreach (var input in new[] { coco, _folder })
        {
            var run = await CommandLineRun.Of("data", "convert", input, coco, "--to", "sightline");
            Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        }

        Assert.Contains("\"images\"", await File.ReadAllTextAsync(coco));
    }

    [Fact]
    public async Task Convert_to_a_format_that_holds_nothing_of_it_is_an_error()
    {
        var output = Path.Combine(_folder, "refs.json");
        var run = await CommandLineRun.Of("data", "convert", MakeSet("cells", pictures: 2), output, "--to", "refcoco");
        Assert.Equal((int)ErrorKind.BadData, run.ExitCode);
        Assert.Contains("can be written as RefCOCO: labelled boxes: 2 not written", run.Sentence);
        Assert.False(File.Exists(output));
    }

    [Fact]
    public async Task Convert_with_a_missing_picture_leaves_nothing()
    {
        var coco = MakeSet("cells", pictures: 2);
        File.Delete(Path.Combine(_folder, "cells-1.png"));
        var output = Path.Combine(_folder, "yolo");
        var run = await CommandLineRun.Of("data", "convert", coco, output, "--to", "yolo", "--copy-pictures");
        Assert.NotEqual(0, run.ExitCode);
        Assert.False(Directory.Exists(output));
    }

    [Theory]
    [InlineData("data convert a b --to nonsense", ErrorKind.Usage)]
    [InlineData("data convert a b", ErrorKind.Usage)]
    [InlineData("data lint no-such-folder", ErrorKind.NotFound)]
    [InlineData("data inspect no-such-folder", ErrorKind.NotFound)]
    public async Task Bad_input_is_one_sentence(string line, ErrorKind kind)
    {
        var run = await CommandLineRun.Of(line.Split(' '));
        Assert.Equal((int)kind, run.ExitCode);
        Assert.StartsWith("error: ", run.Sentence);
    }

    /// <summary>A COCO set of pictures that all differ, with one box each.</summary>
    private string MakeSet(string name, int pictures)
    {
        var images = new List<string>();
        var boxes = new List<string>();
        for (var i = 0; i < pictures; i++)
        {
            var rgb = new byte[48 * 32 * 3];
            for (var p = 0; p < rgb.Length; p++) rgb[p] = (byte)((p * (7 + (i * 13))) ^ (p >> (i + 3)));
            new Picture(48, 32, rgb).Save(Path.Combine(_folder, $"{name}-{i}.png"));
            images.Add($$"""{"id": {{i + 1}}, "file_name": "{{name}}-{{i}}.png", "width": 48, "height": 32}""");
            boxes.Add($$"""{"id": {{i + 1}}, "image_id": {{i + 1}}, "category_id": 1, "bbox": [4, 5, 10, 12], "area": 120, "iscrowd": 0}""");
        }

        var path = Path.Combine(_folder, name + ".json");
        File.WriteAllText(path, $$"""{"images": [{{string.Join(", ", images)}}], "annotations": [{{string.Join(", ", boxes)}}], "categories": [{"id": 1, "name": "cell"}]}""");
        return path;
    }
}
