using Sightline.Checkpoints;
using Sightline.Tensors;
using Sightline.Tensors.Memory;
using Sightline.Testing;

namespace Sightline.Tests.Checkpoints;

[Collection(Alone.Name)]
public sealed class CheckpointMemoryTests : TensorTest
{
    [Fact]
    public void Loading_leaves_no_native_memory_behind()
    {
        var before = NativePool.Shared.LiveBytes;
        using (var checkpoint = Checkpoint.Open(Fixtures.Path("models", "tiny-qwen2_5-vl-bf16-sharded")))
        {
            foreach (var name in checkpoint.Names)
            {
                using var tensor = checkpoint.Load(name, DType.Float32);
                Assert.Equal(checkpoint[name].Count, tensor.Count);
            }
        }

        Assert.Equal(before, NativePool.Shared.LiveBytes);
    }

    [Fact]
    public void A_tensor_made_on_demand_is_disposed()
    {
        using var folder = new TemporaryFolder();
        var before = NativePool.Shared.LiveBytes;
        var writer = new SafetensorsWriter();
        for (var i = 0; i < 4; i++) writer.Add($"t{i}", DType.BFloat16, [100, 100], () => Tensor.Full([100, 100], 1.5f));
        writer.Save(folder.File("a.safetensors"));
        Assert.Equal(before, NativePool.Shared.LiveBytes);
    }
}
