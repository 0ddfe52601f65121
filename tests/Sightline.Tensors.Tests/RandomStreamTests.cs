namespace Sightline.Tensors.Tests;

public class RandomStreamTests
{
    [Fact]
    public void A_saved_state_goes_on_at_the_exact_draw()
    {
        var stream = new RandomStream(7);
        for (var i = 0; i < 100; i++) stream.NextUInt64();
        var resumed = RandomStream.FromState(stream.State);
        for (var i = 0; i < 100; i++) Assert.Equal(stream.NextUInt64(), resumed.NextUInt64());
    }

    [Fact]
    public void Integers_are_uniform()
    {
        var stream = new RandomStream(1);
        var counts = new int[7];
        for (var i = 0; i < 70_000; i++) counts[stream.NextInt(7)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_500, 10_500));
    }

    [Fact]
    public void Forks_differ_from_each_other_and_leave_the_parent_alone()
    {
        var stream = new RandomStream(3);
        var before = stream.State;
        Assert.NotEqual(stream.Fork("a").NextUInt64(), stream.Fork("b").NextUInt64());
        Assert.Equal(before, stream.State);
    }
}
