using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;
using Sightline.Testing;

namespace Sightline.Tests.Nn;

[Collection(Alone.Name)]
public sealed class ParameterStoreTests : IDisposable
{
    private readonly long _liveBefore = NativePool.Shared.LiveBytes;

    public void Dispose() => Assert.Equal(_liveBefore, NativePool.Shared.LiveBytes);

    [Fact]
    public void Paths_are_those_of_the_tree_and_give_the_same_tensor()
    {
        using var store = ParameterStore.Initialize(1);
        _ = new Linear(store.Root / "blocks" / 3 / "query", 4, 2);
        Assert.Equal(["blocks.3.query.weight", "blocks.3.query.bias"], store.All.Select(parameter => parameter.Path));
        Assert.Equal(10, store.Count);
        Assert.Same(store["blocks.3.query.weight"].Value, (store.Root / "blocks" / 3 / "query").Get("weight", [2, 4], Initializer.Zeros));
        Assert.Throws<ShapeException>(() => (store.Root / "blocks" / 3 / "query").Get("weight", [4, 2], Initializer.Zeros));
        Assert.Throws<KeyNotFoundException>(() => store["blocks.4"]);
    }

    [Fact]
    public void A_path_starts_alike_whatever_else_the_model_has()
    {
        using var one = ParameterStore.Initialize(7);
        using var two = ParameterStore.Initialize(7);
        using var other = ParameterStore.Initialize(8);
        _ = new Linear(one.Root / "a", 8, 8);
        _ = new Linear(two.Root / "b", 8, 8);
        _ = new Linear(two.Root / "a", 8, 8);
        _ = new Linear(other.Root / "a", 8, 8);
        Assert.Equal(one["a.weight"].Value.ToArray<float>(), two["a.weight"].Value.ToArray<float>());
        Assert.NotEqual(two["b.weight"].Value.ToArray<float>(), two["a.weight"].Value.ToArray<float>());
        Assert.NotEqual(one["a.weight"].Value.ToArray<float>(), other["a.weight"].Value.ToArray<float>());
    }

    [Fact]
    public void Initializers_have_the_spread_they_promise()
    {
        using var store = ParameterStore.Initialize(3);
        var fan = store.Root.Get("fan", [100, 400], Initializer.FanIn(2)).ToArray<float>();
        // a normal distribution cut at two deviations keeps 0.774 of its variance
        Assert.Equal(2 / 20.0 * Math.Sqrt(0.774), Math.Sqrt(fan.Average(x => (double)x * x)), 1e-3);
        Assert.True(fan.Max(MathF.Abs) <= 2 * 2 / 20f + 1e-6f);
        Assert.All(store.Root.Get("one", [5], Initializer.Ones).ToArray<float>(), x => Assert.Equal(1, x));
        Assert.All(store.Root.Get("constant", [5], Initializer.Constant(-4.6f)).ToArray<float>(), x => Assert.Equal(-4.6f, x));
    }

    [Fact]
    public void Freezing_works_by_prefix_and_stops_gradients()
    {
        using var store = ParameterStore.Initialize(1);
        var (first, second) = (new Linear(store.Root / "first", 3, 3), new Linear(store.Root / "second", 3, 3));
        Assert.Equal(2, store.SetTrainable("first.", false));
        Assert.Equal(0, store.SetTrainable("third.", false));
        using (TensorScope.Open())
        using (var tape = Tape.Record())
            tape.Backward(Op.Sum(second.Forward(first.Forward(Tensor.Full([2, 3], 1)))));

        Assert.Null(store["first.weight"].Value.Grad);
        Assert.NotNull(store["second.weight"].Value.Grad);
        store.ClearGradients();
        Assert.Null(store["second.weight"].Value.Grad);
    }

    [Fact]
    public void A_checkpoint_that_lacks_or_misfits_is_refused_with_the_list()
    {
        using var source = new Stored(("a.weight", [2, 4]), ("b.weight", [3, 3]));
        using var store = ParameterStore.From(source);
        _ = new Linear(store.Root / "a", 4, 2);
        _ = new Linear(store.Root / "b", 4, 3, bias: false);
        var error = Assert.Throws<SightlineException>(() => store.RequireComplete("folder"));
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains("'b.weight' is [3, 3] in the file and [3, 4] in the model; 'a.bias' is missing", error.Message, StringComparison.Ordinal);
        Assert.All(store["a.weight"].Value.ToArray<float>(), x => Assert.Equal(5, x));
    }

    [Fact]
    public void What_a_checkpoint_lacks_may_start_anew()
    {
        using var source = new Stored(("a.weight", [2, 4]));
        using var store = ParameterStore.From(source, seedForMissing: 1);
        _ = new Linear(store.Root / "a", 4, 2);
        _ = new Linear(store.Root / "new", 4, 2);
        store.RequireComplete("folder");
        Assert.Equal(["a.bias", "new.weight", "new.bias"], store.Missing);
        Assert.Contains(store["new.weight"].Value.ToArray<float>(), x => x != 0);
    }

    private sealed class Stored(params (string Path, int[] Shape)[] entries) : IParameterSource, IDisposable
    {
        public Shape? ShapeOf(string path) => entries.Where(entry => entry.Path == path).Select(entry => (Shape?)new Shape(entry.Shape)).FirstOrDefault();

        public void Read(string path, Tensor target) => target.AsSpan<float>().Fill(5);

        public void Dispose()
        {
        }
    }
}
