using Sightline.Tensors.Cpu;
using Sightline.Tensors.LibTorch;
using Sightline.Tensors.LibTorch.Native;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.LibTorch;

/// <summary>
/// What the operation tests do not show of the C ABI: how arguments are packed, who owns what, what an error says. Run by eng/test-libtorch.sh only, because they
/// need the library.
/// </summary>
[Collection(Alone.Name)]
[Trait("Engine", "libtorch")]
public sealed class LibTorchEngineTests : TensorTest
{
    private static LibTorchEngine Torch => (LibTorchEngine)TestEngines.Selected;

    [Fact(Explicit = true)]
    public void An_error_names_the_operator_the_shapes_and_the_engine()
    {
        using var work = Work.On(Torch);
        var x = work.Of(Tensor.Zeros([2, 3]));
        var error = Assert.Throws<LibTorchException>(() => work.Call("aten::mm"u8, ""u8, x, x));
        Assert.StartsWith($"aten::mm([2, 3], [2, 3]) on {Torch.Name}: ", error.Message);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Contains("no_such_operator", Assert.Throws<LibTorchException>(() => work.Call("aten::no_such_operator"u8, ""u8, x)).Message);
    }

    [Fact(Explicit = true)]
    public void Scalars_have_no_form_in_the_ABI()
    {
        using var work = Work.On(Torch);
        var x = work.Of(Tensor.Zeros([2]));
        Assert.Contains("aten::add.Tensor", Assert.Throws<LibTorchException>(() => work.Call("aten::add"u8, "Tensor"u8, x, x, 1)).Message);
    }

    [Fact(Explicit = true)]
    public void Integers_keep_their_sign_and_reals_their_bits()
    {
        using var work = Work.On(Torch);
        var x = work.Of(Tensor.From([1f, 2, 3, 4, 5, 6], [2, 3]));
        Assert.Equal([6f, 15], Read(work, x.Sum(-1), 2));
        Assert.Equal([2f, 5], Read(work, x.Narrow(-1, -2, 1), 2));
        Assert.Equal([1f, 2, 3, 1, 2, 3], Read(work, work.Call("aten::cat"u8, ""u8, work.List(x.Narrow(0, 0, 1), x.Narrow(0, 0, 1)), 0), 6));
        var half = work.Call("aten::logit"u8, ""u8, work.Of(Tensor.From([0f, 0.5f], [2])), work.Some(0.25));
        Assert.Equal([MathF.Log(1 / 3f), 0], Read(work, half, 2), (a, b) => MathF.Abs(a - b) < 1e-6f);
        Assert.Equal(float.NegativeInfinity, Read(work, work.Call("aten::logit"u8, ""u8, work.Of(Tensor.From([0f], [1])), Argument.None), 1)[0]);
    }

    [Fact(Explicit = true)]
    public void Numbers_stay_right_when_more_are_used_than_are_kept()
    {
        using var scope = TensorScope.Open();
        var x = Tensor.Full([1], 1f);
        for (var i = 0; i < 3000; i++) Assert.Equal(i + 0.5f, Op.Scale(x, i + 0.5f).Item());
    }

    [Fact(Explicit = true)]
    public void A_view_sees_what_a_kernel_handed_over_and_a_slice_is_written_in_place()
    {
        var x = Tensor.From([1f, 2, 3, 4], [4]);
        var part = Op.Slice(x, 0, 2, 2);
        var engine = x.Engine;
        engine.Unary(UnaryKind.Neg, part, part);
        Assert.Equal([1f, 2, -3, -4], x.ToArray<float>());
        engine.Unary(UnaryKind.Scale, x, x, 2);
        Assert.Equal([-6f, -8], part.ToArray<float>());
        engine.AdamWStep(x, Tensor.Full([4], 1f), Tensor.Zeros([4]), Tensor.Zeros([4]), new(0.5, 0.9, 0.999, 1e-8, 0, 1));
        Assert.Equal([1.5f, 3.5f, -6.5f, -8.5f], x.ToArray<float>(), (a, b) => MathF.Abs(a - b) < 1e-5f);
        Assert.Equal([-6.5f, -8.5f], part.ToArray<float>(), (a, b) => MathF.Abs(a - b) < 1e-5f);
    }

    [Fact(Explicit = true)]
    public void Dropout_has_the_mask_of_the_processor()
    {
        var ones = Tensor.Full([5000], 1f);
        var here = Op.Dropout(ones.To(CpuEngine.Instance), 0.3f, new RandomStream(11), training: true);
        Assert.Equal(here.ToArray<float>(), Op.Dropout(ones, 0.3f, new RandomStream(11), training: true).ToArray<float>());
    }

    /// <summary>The way of bytes to and from a GPU, from and into ordinary memory: pieces of all sizes arrive at their places.</summary>
    [Theory(Explicit = true)]
    [InlineData(16, 8)]
    [InlineData(64, 32)]
    [InlineData(4096, 64)]
    [InlineData(4096, 4096)]
    public unsafe void Bytes_cross_in_pieces(int most, int least)
    {
        var values = Enumerable.Range(0, 133).Select(i => i * 1.5f).ToArray();
        using var target = Tensor.Full([150], -1);
        var handle = Torch.HandleOf(target);
        Torch.SendInPieces(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values), handle, Torch.Native.Types[(int)DType.Float32], sizeof(float), 10 * sizeof(float), most, least, Torch.Native.EmptyStrided);
        float[] expected = [.. Enumerable.Repeat(-1f, 10), .. values, .. Enumerable.Repeat(-1f, 7)];
        Assert.Equal(expected, target.ToArray<float>());
        var back = new float[20];
        Torch.FetchAcross(handle, DType.Float32, 5 * sizeof(float), System.Runtime.InteropServices.MemoryMarshal.AsBytes(back.AsSpan()));
        Assert.Equal(expected[5..25], back);
    }

    [Fact(Explicit = true)]
    public void The_same_device_is_the_same_engine() => Assert.Same(Torch, LibTorchEngine.Open(Torch.Device));

    /// <summary>The values of a result, through a tensor.</summary>
    private static float[] Read(Work work, Value value, int count)
    {
        using var target = Tensor.Empty([count]);
        work.Write(target, value);
        return target.ToArray<float>();
    }
}
