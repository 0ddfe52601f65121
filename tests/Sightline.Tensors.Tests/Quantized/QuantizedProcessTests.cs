using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Quantized;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Quantized;

[Collection(Alone.Name)]
public sealed class QuantizedProcessTests : TensorTest
{
    [Theory]
    [InlineData(QuantizedFormat.Int8)]
    [InlineData(QuantizedFormat.Int4)]
    public void The_number_of_threads_changes_no_bit(QuantizedFormat format)
    {
        var threads = ThreadTeam.Shared.Threads;
        try
        {
            foreach (var M in new[] { 1, 4, 130 })
            {
                float[]? first = null;
                foreach (var count in new[] { 1, 2, 3, 5 })
                {
                    ThreadTeam.SetThreads(count);
                    using var scope = TensorScope.Open();
                    using var weight = QuantizedWeight.Quantize(Values.Normal([300, 700], 1), format);
                    var x = Values.Normal([M, 700], 2);
                    x.RequiresGrad = true;
                    using var tape = Tape.Record();
                    var y = Op.QuantizedLinear(x, weight);
                    tape.Backward(y, Values.Normal([M, 300], 3));
                    float[] all = [.. y.ToArray<float>(), .. x.Grad!.ToArray<float>()];
                    Assert.Equal(first ??= all, all);
                }
            }
        }
        finally
        {
            ThreadTeam.SetThreads(threads);
        }
    }

    [Fact]
    public void No_native_memory_stays_behind_and_the_steady_state_allocates_next_to_nothing()
    {
        foreach (var format in new[] { QuantizedFormat.Int8, QuantizedFormat.Int4 })
        {
            using var outer = TensorScope.Open();
            using var weight = QuantizedWeight.Quantize(Values.Normal([64, 256], 1), format);
            var managed = 0L;
            for (var i = 0; i < 20; i++)
            {
                if (i == 10) managed = GC.GetAllocatedBytesForCurrentThread();
                using var scope = TensorScope.Open();
                Op.QuantizedLinear(Tensor.Zeros([9, 256]), weight);
            }

            // two tensors a call
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - managed, 0, 10 * 400);
        }
    }
}
