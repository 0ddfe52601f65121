using Sightline.Tensors.LibTorch;
using Sightline.Testing;
using Sightline.Training.Distributed.Nccl;

namespace Sightline.Training.Tests.Distributed;

/// <summary>The exchange from device to device over libtorch's tensors and kernels, on the processor; eng/test-libtorch.sh runs it.</summary>
[Collection(Alone.Name)]
[Trait("Engine", "libtorch")]
public sealed class LibTorchTransportTests : TensorTest
{
    [Theory(Explicit = true)]
    [InlineData(2, 64)]
    [InlineData(3, 1 << 20)]
    public void Gradients_add_up_in_the_order_of_ranks(int size, int piece)
    {
        var torch = LibTorchEngine.Open(); // the exchange is in the processor's memory, whatever SIGHTLINE_DEVICE says
        var before = torch.LiveBytes;
        ParameterShardsTests.AddUp(size, torch, ranks => new NcclTransport(ranks, FakeNccl.Open(), new FakeDevice(torch.AddressOf), piece));
        Assert.Equal(before, torch.LiveBytes);
    }
}
