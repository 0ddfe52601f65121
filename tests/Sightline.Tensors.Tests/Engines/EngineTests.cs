using Sightline.Tensors.Cpu;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Reference;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Engines;

/// <summary>The seam: tensors move between engines, and mixing them is refused.</summary>
[Collection(Alone.Name)]
public sealed class EngineTests : TensorTest
{
    [Fact]
    public void Tensors_move_between_engines_with_all_their_bits()
    {
        foreach (var type in Enum.GetValues<DType>())
        {
            var x = Tensor.Empty([3, 5], type, CpuEngine.Instance);
            x.Engine.Upload([.. Enumerable.Range(0, (int)x.Bytes).Select(i => (byte)((37 * i) + 11))], x);
            var there = x.To(ReferenceEngine.Instance);
            Assert.Same(ReferenceEngine.Instance, there.Engine);
            Assert.Same(there, there.To(ReferenceEngine.Instance));
            Assert.Equal(x.AsSpan<byte>().ToArray(), there.To(CpuEngine.Instance).AsSpan<byte>().ToArray());
        }
    }

    [Fact]
    public void Operations_on_tensors_of_two_engines_are_refused()
    {
        var (here, there) = (Tensor.Zeros([2, 2], engine: CpuEngine.Instance), Tensor.Zeros([2, 2], engine: ReferenceEngine.Instance));
        Assert.Contains("memory of reference", Assert.Throws<InvalidOperationException>(() => Op.Add(here, there)).Message);
        Assert.Contains("memory of cpu", Assert.Throws<InvalidOperationException>(() => Op.MatMul(there, here)).Message);
    }

    [Fact]
    public void Memory_of_a_device_is_read_by_copy_and_written_by_the_engine()
    {
        var x = Tensor.From([1f, 2, 3, 4], [4], ReferenceEngine.Instance);
        Assert.False(x.IsOnHost);
        Assert.Throws<InvalidOperationException>(() => x.AsSpan<float>());
        Assert.Equal([1f, 2, 3, 4], x.ReadSpan<float>().ToArray());
        var part = Op.Slice(x, 0, 1, 2);
        part.Write([7f], 1);
        Assert.Equal([1f, 2, 7, 4], x.ToArray<float>());
        Assert.Throws<ShapeException>(() => part.Write([1f, 2], 1));
        Assert.Throws<ShapeException>(() => part.Write([1L]));
    }

    [Fact]
    public void Bytes_are_counted_alike()
    {
        foreach (var engine in (Engine[])[CpuEngine.Instance, ReferenceEngine.Instance])
        {
            var (bytes, blocks) = (engine.LiveBytes, engine.Memory.LiveBlocks);
            engine.Memory.ResetPeak();
            var x = Tensor.Empty([1024], engine: engine);
            Assert.Equal(4096, engine.LiveBytes - bytes);
            var view = x.Detach();
            x.Dispose();
            Assert.Equal(blocks + 1, engine.Memory.LiveBlocks);
            view.Dispose();
            Assert.Equal((bytes, blocks), (engine.LiveBytes, engine.Memory.LiveBlocks));
            Assert.Equal(4096, engine.Memory.PeakBytes - bytes);
            Assert.Throws<ObjectDisposedException>(() => view.ReadSpan<float>());
        }
    }

    /// <summary>Every class here with tests is held to the count of live bytes, unless it makes no tensors at all.</summary>
    [Fact]
    public void Every_class_of_tests_with_tensors_counts_live_bytes()
    {
        Type[] without = [typeof(RandomStreamTests), typeof(Isa.IsaTests), typeof(OtherEngineTests), typeof(Lanes.LaneMathTests), typeof(Threading.ThreadTeamTests), typeof(MachineCode.AssemblerTests), typeof(LibTorch.LibTorchSearchTests), typeof(Libraries.ElfFileTests)];
        var uncounted = from type in typeof(EngineTests).Assembly.GetTypes()
                        where type.GetMethods().Any(method => method.IsDefined(typeof(FactAttribute), false)) && !type.IsSubclassOf(typeof(TensorTest))
                        select type;
        Assert.Empty(uncounted.Except(without));
    }
}
