using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;
using Sightline.Testing;
using Sightline.Training.Optim;

namespace Sightline.Training.Tests.Optim;

/// <summary>Mixed precision: 16-bit weights with float32 masters.</summary>
[Collection(Alone.Name)]
public sealed class MasterWeightTests : TensorTest
{
    [Fact]
    public void Weights_of_sixteen_bits_are_trained_through_a_float32_master()
    {
        var before = NativePool.Shared.LiveBytes;
        using (TensorScope.Open())
        {
            var weights = Tensor.Empty([1000], DType.BFloat16).AsParameter();
            weights.Engine.Fill(weights, 1f);
            using (var adam = new AdamW([new Parameter("w", weights)], new AdamWOptions()))
            {
                // a step of 1e-4 is lost in bfloat16 at 1 (spacing 2^-8 below); a hundred of them are not
                for (var s = 0; s < 100; s++)
                {
                    using var step = TensorScope.Open();
                    using var tape = Tape.Record();
                    var ones = Tensor.Empty([1000], DType.BFloat16);
                    ones.Engine.Fill(ones, 1f);
                    tape.Backward(Op.Scale(weights, 1), ones);
                    adam.Step(1e-4);
                    weights.ClearGrad();
                }

                Assert.Equal(0.99f, adam.State().Single(entry => entry.Name == "w.master").Value.ToArray<float>()[7], 1e-4f);
            }

            Assert.All(weights.ToArray<BFloat16>(), value => Assert.Equal((float)(BFloat16)0.99f, (float)value));
            weights.Dispose();
        }

        Assert.Equal(before, NativePool.Shared.LiveBytes);
    }
}
