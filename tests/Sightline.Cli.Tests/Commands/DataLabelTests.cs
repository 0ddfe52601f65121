using System.Diagnostics;
using System.Text.Json;
using Sightline.Imaging;
using Sightline.Testing;
using Sightline.Training.Data;

namespace Sightline.Cli.Tests.Commands;

/// <summary><c>sightline data label</c> through the real command line, in one process and in several.</summary>
[Collection(Alone.Name)]
public sealed class DataLabelTests : IDisposable
{
    private readonly TinyModel _tiny = new();
    private readonly TinySets _sets = new();

    public void Dispose()
    {
        _tiny.Dispose();
        _sets.Dispose();
    }

    [Fact]
    public async Task A_folder_of_pictures_becomes_a_data_set_that_can_be_read()
    {
        var run = await Label(Photos(3), "found.json", "--to", "coco", "--class", "cell", "--class", "star", "--threshold", "0", "--most", "3");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal($"{_sets.At("found.json")}: 3 pictures, 18 boxes of 2 classes (coco)\n", run.Out);
        var data = DataSet.Open(_sets.At("found.json"), pictures: _sets.At("photos"));
        Assert.Equal(["cell", "star"], data.Classes);
        Assert.Equal(["p0.png", "p1.png", "sub/p2.png"], data.Samples.Select(sample => sample.PictureFile));
        Assert.All(data.Samples, sample => Assert.Equal((64, 48, 6), (sample.Width, sample.Height, sample.Objects.Count)));
        Assert.All(data.Samples, sample => Assert.NotNull(data.ResolvePicture(sample)));
        Assert.All(data.Samples.SelectMany(sample => sample.Objects), found => Assert.InRange(found.Box.X2, found.Box.X1, 64));
        Assert.False(Directory.Exists(_sets.At("found.json.partial")));
    }

    [Fact]
    public async Task A_data_set_is_asked_for_its_own_classes_and_loses_its_labels()
    {
        var run = await Label(_sets.Cells(), "again.jsonl", "--threshold", "1");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.EndsWith("again.jsonl: 3 pictures, 0 boxes of 2 classes (sightline)\n", run.Out, StringComparison.Ordinal);
        Assert.All(DataSet.Open(_sets.At("again.jsonl")).Samples, sample => Assert.Empty(sample.Objects));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Several_processes_write_the_file_of_one(bool speaks)
    {
        var photos = Photos(5);
        string[] options = speaks ? ["-m", Fixtures.Path("models", "tiny-qwen2-vl"), "--max-tokens", "8", "--temperature", "1", "--class", "cell"] : ["-m", _tiny.Model, "--class", "cell", "star", "--threshold", "0"];
        var one = await CommandLineRun.Of(["data", "label", photos, _sets.At("one.jsonl"), .. options]);
        Assert.True(one.ExitCode == 0, one.Error);
        var two = await RankedRun.Of(2, ["data", "label", photos, _sets.At("two.jsonl"), .. options]);
        Assert.True(two.ExitCode == 0, two.Error);
        Assert.Equal(await File.ReadAllTextAsync(_sets.At("one.jsonl"), TestContext.Current.CancellationToken), await File.ReadAllTextAsync(_sets.At("two.jsonl"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_killed_labelling_goes_on_with_another_number_of_processes()
    {
        var photos = Photos(60);
        string[] options = ["-m", _tiny.Model, "--class", "cell", "star", "--threshold", "0"];
        Assert.Equal(0, (await CommandLineRun.Of(["data", "label", photos, _sets.At("whole.jsonl"), .. options])).ExitCode);
        var partial = _sets.At("cut.jsonl.partial");
        using (var dying = RankedRun.Start(2, ["data", "label", photos, _sets.At("cut.jsonl"), .. options]))
        {
            for (var clock = Stopwatch.StartNew(); Finished(partial).Length < 4 && !dying.Process.HasExited && clock.Elapsed < TimeSpan.FromMinutes(1);) await Task.Delay(2, TestContext.Current.CancellationToken);
            await dying.Signal("KILL", dying.Ranks[1]);
            Assert.Equal(137, (await dying.End()).ExitCode);
        }

        Assert.False(File.Exists(_sets.At("cut.jsonl")));
        var finished = Finished(partial);
        Assert.InRange(finished.Length, 4, 60);
        await File.AppendAllTextAsync(Path.Combine(partial, "0-0.jsonl"), "{\"picture\": 59, \"wid", TestContext.Current.CancellationToken); // as a kill within a write leaves it
        var refused = await CommandLineRun.Of(["data", "label", photos, _sets.At("cut.jsonl"), .. options, "--most", "1"]);
        Assert.Equal((int)ErrorKind.Usage, refused.ExitCode);
        Assert.StartsWith($"error: {partial} holds labels of another run", refused.Sentence, StringComparison.Ordinal);

        var went = await CommandLineRun.Of(["data", "label", photos, _sets.At("cut.jsonl"), .. options]);
        Assert.Equal((0, ""), (went.ExitCode, went.Error));
        Assert.Equal(await File.ReadAllTextAsync(_sets.At("whole.jsonl"), TestContext.Current.CancellationToken), await File.ReadAllTextAsync(_sets.At("cut.jsonl"), TestContext.Current.CancellationToken));
        Assert.False(Directory.Exists(partial));
    }

    [Fact]
    public async Task Without_classes_there_is_nothing_to_look_for()
    {
        var run = await Label(Photos(1), "found.jsonl");
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Equal($"error: {_sets.At("photos")} has no classes: say what to look for with --class NAME", run.Sentence);
    }

    private async Task<CommandLineRun> Label(string pictures, string output, params string[] more) => await CommandLineRun.Of(["data", "label", pictures, _sets.At(output), "-m", _tiny.Model, .. more]);

    /// <summary>Pictures in a folder, the last of them in one below.</summary>
    private string Photos(int count)
    {
        Directory.CreateDirectory(_sets.At("photos/sub"));
        for (var i = 0; i < count; i++)
        {
            var rgb = new byte[64 * 48 * 3];
            for (var p = 0; p < rgb.Length; p++) rgb[p] = (byte)((p * (3 + i)) ^ (p >> 5));
            new Picture(64, 48, rgb).Save(_sets.At(i == count - 1 && count > 1 ? $"photos/sub/p{i}.png" : $"photos/p{i}.png"));
        }

        return _sets.At("photos");
    }

    /// <summary>The pictures that are done, from the whole lines.</summary>
    private static int[] Finished(string partial) => !Directory.Exists(partial) ? [] :
    [
        .. Directory.GetFiles(partial, "*.jsonl").SelectMany(file =>
        {
            using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            var text = reader.ReadToEnd();
            return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("picture").GetInt32());
        }),
    ];
}
