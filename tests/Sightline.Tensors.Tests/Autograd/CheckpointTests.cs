using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Tensors.Tests.Ops;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Autograd;

/// <summary>Activation checkpointing changes no bit, only the memory and the work.</summary>
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class CheckpointTests : TensorTest
{
    private const int Width = 24;
    private const int Layers = 4;

    /// <summary>How the layers are run: plainly, each in a checkpoint, pairs in a checkpoint whose layers are checkpoints again.</summary>
    public enum Form
    {
        Plain,
        Each,
        Nested,
    }

    [Theory]
    [InlineData(Form.Each, DType.Float32)]
    [InlineData(Form.Nested, DType.Float32)]
    [InlineData(Form.Each, DType.BFloat16)]
    public void Results_gradients_and_randomness_are_the_same_bits(Form form, DType type)
    {
        var plain = Train(Form.Plain, type, inputWantsGradient: true);
        Assert.Contains(plain.Values[^1], value => value != 0);
        var checkpointed = Train(form, type, inputWantsGradient: true);
        for (var i = 0; i < plain.Values.Length; i++) Assert.Equal(plain.Values[i], checkpointed.Values[i]);
        Assert.Equal(plain.Draws, checkpointed.Draws);
    }

    [Fact]
    public void Parameters_get_gradients_where_the_input_wants_none()
    {
        var plain = Train(Form.Plain, DType.Float32, inputWantsGradient: false);
        var checkpointed = Train(Form.Each, DType.Float32, inputWantsGradient: false);
        for (var i = 0; i < plain.Values.Length; i++) Assert.Equal(plain.Values[i], checkpointed.Values[i]);
    }

    [Fact]
    public void The_peak_of_memory_is_lower()
    {
        var (plain, each) = (Peak(Form.Plain), Peak(Form.Each));
        // plainly every layer keeps its normalised, widened and activated values; checkpointed one layer does, the others their input
        Assert.True(each < 0.5 * plain, $"peak of {each} bytes with checkpoints, {plain} without");
    }

    [Fact]
    public void Without_recording_the_part_just_runs()
    {
        var x = Gradients.Normal(new RandomStream(1), [3, 4]);
        x.RequiresGrad = true;
        using var off = Tape.NoGrad();
        var y = Checkpoint.Run(Op.Square, x);
        Assert.False(y.RequiresGrad);
        Assert.Equal(Op.Square(x).ToArray<float>(), y.ToArray<float>());
    }

    [Fact]
    public void A_part_that_returns_its_input_a_view_or_a_constant_is_fine()
    {
        var x = Gradients.Normal(new RandomStream(1), [3, 4]);
        var constant = Gradients.Normal(new RandomStream(2), [3, 4]).AsParameter(requiresGrad: false);
        x.RequiresGrad = true;
        using (var tape = Tape.Record())
        {
            var y = Checkpoint.Run(value => value, x);
            y = Checkpoint.Run(value => Op.Reshape(value, 4, 3), y);
            y = Checkpoint.Run(value => Op.Scale(value, 2), y);
            var fixedPart = Checkpoint.Run(_ => Op.Square(constant), x);
            tape.Backward(Op.Sum(Op.Add(y, Op.Reshape(fixedPart, 4, 3))));
        }

        Assert.All(x.Grad!.ToArray<float>(), value => Assert.Equal(2, value));
        constant.Dispose();
    }

    [Fact]
    public void The_gradient_adds_to_what_has_arrived_already()
    {
        var x = Gradients.Normal(new RandomStream(1), [5]);
        x.RequiresGrad = true;
        using var tape = Tape.Record();
        var y = Op.Add(Checkpoint.Run(Op.Square, x), Checkpoint.Run(value => Op.Scale(value, 3), x));
        tape.Backward(Op.Sum(y));
        Assert.Equal([.. x.ToArray<float>().Select(value => (2 * value) + 3)], x.Grad!.ToArray<float>());
    }

    /// <summary>Result, gradients of the input and all parameters, and the state of the random stream after a forward and a backward pass.</summary>
    private static (float[][] Values, ulong Draws) Train(Form form, DType type, bool inputWantsGradient)
    {
        using var scope = TensorScope.Open();
        var random = new RandomStream(7);
        var x = Op.Cast(Gradients.Normal(random, [6, Width]), type);
        x.RequiresGrad = inputWantsGradient;
        var network = new Network(random, type);
        using var tape = Tape.Record();
        var y = network.Run(x, form);
        tape.Backward(y, Op.Cast(Gradients.Normal(new RandomStream(9), [6, Width]), type));
        var gradients = from parameter in network.Parameters.Append(x) where parameter.RequiresGrad select Floats(parameter.Grad!);
        return ([Floats(y), .. gradients], network.Random.State);
    }

    private static long Peak(Form form)
    {
        using var scope = TensorScope.Open();
        var random = new RandomStream(7);
        var x = Gradients.Normal(random, [512, Width]);
        var network = new Network(random, DType.Float32);
        var memory = x.Engine.Memory;
        var before = memory.LiveBytes;
        memory.ResetPeak();
        using var tape = Tape.Record();
        var y = network.Run(x, form);
        tape.Backward(y, Tensor.Full(y.Shape, 1));
        return memory.PeakBytes - before;
    }

    private static float[] Floats(Tensor x) => Op.Cast(x.Detach(), DType.Float32).ToArray<float>();

    /// <summary>Layers x + dropout(W2 gelu(W1 norm(x))), with four times the width inside.</summary>
    private sealed class Network
    {
        private readonly Tensor[][] _layers = new Tensor[Layers][];

        public Network(RandomStream random, DType type)
        {
            for (var i = 0; i < Layers; i++)
            {
                _layers[i] = [.. new Shape[] { [Width], [Width], [4 * Width, Width], [Width, 4 * Width] }.Select(shape => Op.Cast(Gradients.Normal(random, shape, 0.3f), type))];
                foreach (var parameter in _layers[i]) parameter.RequiresGrad = true;
            }
        }

        public RandomStream Random { get; } = new(3);

        public IEnumerable<Tensor> Parameters => _layers.SelectMany(layer => layer);

        public Tensor Run(Tensor x, Form form)
        {
            for (var i = 0; i < Layers; i += form == Form.Nested ? 2 : 1)
            {
                var first = i;
                x = form switch
                {
                    Form.Plain => Layer(x, first),
                    Form.Each => Checkpoint.Run(input => Layer(input, first), x, Random),
                    _ => Checkpoint.Run(
                        input => Checkpoint.Run(inner => Layer(inner, first + 1), Checkpoint.Run(inner => Layer(inner, first), input, Random), Random), x, Random),
                };
            }

            return x;
        }

        private Tensor Layer(Tensor x, int i)
        {
            var p = _layers[i];
            var hidden = Op.Gelu(Op.Linear(Op.LayerNorm(x, p[0], p[1]), p[2]));
            return Op.Add(x, Op.Dropout(Op.Linear(hidden, p[3]), 0.2f, Random, training: true));
        }
    }
}
