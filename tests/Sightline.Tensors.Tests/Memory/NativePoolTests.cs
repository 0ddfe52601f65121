using Sightline.Tensors.Memory;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Memory;

[Collection(Alone.Name)]
public sealed class NativePoolTests : TensorTest
{
    [Fact]
    public void Blocks_of_every_size_are_aligned_to_64_bytes_and_lose_at_most_a_quarter()
    {
        var pool = new NativePool();
        var blocks = new List<NativeBlock>();
        for (long bytes = 0; bytes < 100_000; bytes += 1 + (bytes / 7))
        {
            var block = pool.Rent(bytes);
            Assert.Equal(0, block.HostAddress % 64);
            Assert.InRange(block.Size, Math.Max(bytes, 64), Math.Max(64, Math.Max(bytes + 63, bytes * 5 / 4)));
            blocks.Add(block);
        }

        Assert.Equal(blocks.Sum(block => block.Size), pool.LiveBytes);
        foreach (var block in blocks) block.Release();
        Assert.Equal((0, 0), (pool.LiveBytes, pool.LiveBlocks));
        Assert.True(pool.ReservedBytes > 0);
        pool.Trim();
        Assert.Equal(0, pool.ReservedBytes);
    }

    [Fact]
    public void What_is_given_back_is_handed_out_again()
    {
        var pool = new NativePool();
        var first = pool.Rent(1000);
        var (address, reserved) = (first.HostAddress, pool.ReservedBytes);
        first.Release();
        for (var i = 0; i < 10; i++)
        {
            var again = pool.Rent(990); // the same class of sizes
            Assert.Equal(address, again.HostAddress);
            again.Release();
        }

        Assert.Equal(reserved, pool.ReservedBytes);
        Assert.True(pool.PeakBytes < 2 * 1024);
        pool.Trim();
    }

    [Fact]
    public void Memory_that_is_not_there_is_refused_with_the_size()
    {
        var pool = new NativePool();
        Assert.Contains("are needed and", Assert.Throws<OutOfMemoryException>(() => pool.Rent(1L << 50)).Message, StringComparison.Ordinal);
        Assert.Equal((0, 0, 0), (pool.LiveBytes, pool.LiveBlocks, pool.ReservedBytes));
    }

    [Fact]
    public void Tensors_of_every_type_start_at_64_bytes()
    {
        foreach (var type in Enum.GetValues<DType>())
        {
            for (var n = 0; n < 40; n++)
            {
                var x = Tensor.Empty([n, 3], type);
                Assert.Equal(0, x.Storage.HostAddress % 64);
                Assert.Equal(3 * n * type.Size(), x.Bytes);
            }
        }
    }
}
