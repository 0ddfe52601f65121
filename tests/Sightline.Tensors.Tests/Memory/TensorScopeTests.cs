using Sightline.Tensors.Autograd;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Memory;

[Collection(Alone.Name)]
public sealed class TensorScopeTests : TensorTest
{
    [Fact]
    public void Scopes_free_what_was_made_in_them_and_nest()
    {
        var before = NativePool.Shared.LiveBlocks;
        Tensor outer, inner, kept;
        using (TensorScope.Open())
        {
            outer = Tensor.Zeros([3]);
            using (var scope = TensorScope.Open())
            {
                inner = Tensor.Zeros([4]);
                kept = scope.Keep(Tensor.Zeros([5]));
            }

            Assert.True(inner.IsDisposed);
            Assert.False(outer.IsDisposed || kept.IsDisposed);
            Assert.Equal(before + 2, NativePool.Shared.LiveBlocks);
        }

        Assert.True(outer.IsDisposed && kept.IsDisposed);
        Assert.Equal(before, NativePool.Shared.LiveBlocks);
    }

    [Fact]
    public void Memory_goes_with_its_last_tensor()
    {
        var before = NativePool.Shared.LiveBlocks;
        var x = Tensor.From([1f, 2, 3, 4], [4]);
        var view = x.Detach();
        x.Dispose();
        Assert.Equal([1f, 2, 3, 4], view.ToArray<float>());
        Assert.Throws<ObjectDisposedException>(() => x.ToArray<float>());
        view.Dispose();
        view.Dispose(); // a second time is no second release
        Assert.Equal(before, NativePool.Shared.LiveBlocks);
    }

    [Fact]
    public void A_parameter_outlives_the_scope_and_takes_its_gradient_with_it()
    {
        var before = NativePool.Shared.LiveBlocks;
        Tensor parameter;
        using (TensorScope.Open())
        {
            parameter = Tensor.Zeros([3]).AsParameter();
            using var tape = Tape.Record();
            tape.Backward(Op.Sum(Op.Scale(parameter, 2)));
        }

        Assert.Equal([2f, 2, 2], parameter.Grad!.ToArray<float>());
        parameter.Dispose();
        Assert.Equal(before, NativePool.Shared.LiveBlocks);
    }

    [Fact]
    public void Scopes_end_innermost_first_on_their_own_thread()
    {
        var outer = TensorScope.Open();
        var inner = TensorScope.Open();
        Assert.Contains("innermost first", Assert.Throws<InvalidOperationException>(outer.Dispose).Message, StringComparison.Ordinal);
        Exception? elsewhere = null;
        var thread = new Thread(() => elsewhere = Record.Exception(inner.Dispose));
        thread.Start();
        thread.Join();
        Assert.IsType<InvalidOperationException>(elsewhere);
        inner.Dispose();
        outer.Dispose();
    }
}
