using Sightline.Imaging.Augmentation;
using Sightline.Testing;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Tests.Data;

namespace Sightline.Training.Tests.Grounding;

[Collection(Alone.Name)]
public sealed class PictureMemoryTests : TensorTest
{
    private const int Count = 6;
    private const int Bytes = 3 * 32 * 24;
    private readonly DataFolder _folder = new();

    protected override void Free() => _folder.Dispose();

    [Theory]
    [InlineData(0, 0)]
    [InlineData(Bytes - 1, 0)]
    [InlineData(3 * Bytes, 3)]
    [InlineData((3 * Bytes) + 5, 3)]
    [InlineData(100 * Bytes, Count)]
    public void Pictures_are_kept_while_there_is_room(int limit, int kept)
    {
        var memory = new PictureMemory(limit);
        var source = Open(memory);
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < Count; i++) source.Get(i);
        }

        Assert.Equal(kept * Bytes, memory.Bytes);
    }

    [Fact]
    public void Kept_or_not_the_samples_are_the_same()
    {
        var (none, all) = (Open(null), Open(new PictureMemory(1 << 20)));
        for (var i = 0; i < 2 * Count; i++)
        {
            for (var again = 0; again < 2; again++)
            {
                var (a, b) = (none.Get(i), all.Get(i));
                Assert.Equal(a.Name, b.Name);
                Assert.Equal(a.Objects, b.Objects);
                Assert.True(a.Canvas.Canvas.Pixels.SequenceEqual(b.Canvas.Canvas.Pixels));
            }
        }
    }

    [Fact]
    public void All_sources_share_the_room_from_any_thread()
    {
        var memory = new PictureMemory(7 * Bytes);
        PictureSource[] sources = [Open(memory), Open(memory), Open(memory)];
        Parallel.For(0, 200, i => sources[i % 3].Get(i));
        Assert.InRange(memory.Bytes, 0, 7 * Bytes);
        Assert.Equal(0, memory.Bytes % Bytes);
        // offers that met at the edge may all have been turned away; one by one there is room again
        for (var i = 0; i < 18; i++) sources[i % 3].Get(i / 3);
        Assert.Equal(7 * Bytes, memory.Bytes);
    }

    [Fact]
    public void A_plan_counts_what_pictures_will_take()
    {
        using var place = new RunPlace();
        var source = Open(null);
        string[] settings = [$$"""train=[{"name": "p", "pictures": {"path": "{{_folder["set.jsonl"]}}" } }]""", "validation=[]"];
        using (var trainer = new GroundingTrainer(TinyRun.Recipe(settings), place.Folder()))
            Assert.Equal(source.LargestPictureBytes, trainer.Plan().PictureBytes);
        using (var trainer = new GroundingTrainer(TinyRun.Recipe([.. settings, "picture_memory=0"]), place.Folder()))
            Assert.Equal(0, trainer.Plan().PictureBytes);
    }

    [Fact]
    public void The_room_may_change_when_a_run_goes_on() =>
        Assert.Null(RecipeDifference.First(TinyRun.Recipe("picture_memory=5"), TinyRun.Recipe()));

    [Fact]
    public void A_mosaic_shows_the_things_of_four_pictures_and_comes_again()
    {
        Open(null);
        TrainingSample Sample(double mosaics, long index) => new PictureSource(
            "p", new PictureRecipe { Path = _folder["set.jsonl"], Augmentation = AugmentationOptions.None with { MosaicProbability = mosaics } }, 1, TinyRun.Processor(), training: true).Get(index);
        var mosaics = Enumerable.Range(0, 8).Select(i => Sample(1, i)).ToList();
        Assert.All(mosaics, sample => Assert.Equal("cell", Assert.Single(sample.Phrases)));
        Assert.Contains(mosaics, sample => sample.Objects.Length > 1);
        Assert.Equal(mosaics[5].Objects, Sample(1, 5).Objects);
        Assert.Single(Sample(0, 5).Objects);
    }

    private PictureSource Open(PictureMemory? memory)
    {
        var lines = new List<string> { """{"classes": ["cell"]}""" };
        for (var i = 0; i < Count; i++)
        {
            var shade = (byte)(40 * i);
            if (!File.Exists(_folder[$"{i}.bmp"])) _folder.WriteBmp($"{i}.bmp", 32, 24, (x, y) => ((byte)(x * 5), (byte)(y * 7), shade));
            lines.Add($$"""{"picture": "{{i}}.bmp", "width": 32, "height": 24, "frame": "pixels", "objects": [{"label": "cell", "box": [3, 4, {{10 + i}}, 19]}]}""");
        }

        return new PictureSource("p", new PictureRecipe { Path = _folder.Write("set.jsonl", string.Join('\n', lines)) }, 1, TinyRun.Processor(), training: true, memory);
    }
}
