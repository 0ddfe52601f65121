using Sightline.Training.Reporting;

namespace Sightline.Training.Tests.Reporting;

/// <summary>What a run writes while it lasts, on a disk that is full (Linux has one: /dev/full) or closed.</summary>
public sealed class RecordStreamTests : IDisposable
{
    private const string FullDisk = "/dev/full";
    private readonly RunPlace _place = new();

    public void Dispose() => _place.Dispose();

    [Fact]
    public void A_full_disk_is_one_sentence_with_the_file()
    {
        if (!File.Exists(FullDisk)) return;
        using var stream = new RecordStream(FullDisk, FileMode.Open);
        var error = Assert.Throws<SightlineException>(() =>
        {
            for (var i = 0; i < 100; i++) stream.Write(new byte[1000]);
            stream.Flush();
        });
        Assert.Equal(ErrorKind.CannotWrite, error.Kind);
        Assert.StartsWith("/dev/full cannot be written: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_only_closing_finds_out_is_told_too()
    {
        if (!File.Exists(FullDisk)) return;
        var stream = new RecordStream(FullDisk, FileMode.Open);
        stream.Write(new byte[10]);
        Assert.Equal(ErrorKind.CannotWrite, Assert.Throws<SightlineException>(stream.Dispose).Kind);
    }

    [Fact]
    public void A_folder_in_the_way_is_named()
    {
        Directory.CreateDirectory(Path.Combine(_place.Path, "metrics.jsonl"));
        Assert.Equal(ErrorKind.CannotWrite, Assert.Throws<SightlineException>(() => new TrainingLog(_place.Path, null)).Kind);
        File.WriteAllText(Path.Combine(_place.Path, "events"), "");
        var error = Assert.Throws<SightlineException>(() => new TensorBoardWriter(Path.Combine(_place.Path, "events")));
        Assert.Equal(ErrorKind.CannotWrite, error.Kind);
        Assert.Contains("events", error.Message, StringComparison.Ordinal);
    }
}
