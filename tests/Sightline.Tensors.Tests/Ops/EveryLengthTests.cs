using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Optim;
using Sightline.Tensors.Tests.Engines;
using Sightline.Tensors.Tests.Reference;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>
/// Every operation, forward and backward, at lengths from 0 to 256 of the axis that its kernels run along: the processor against the scalar engine
/// that works in 64 bits. Vector code goes wrong in remainders, and gradients have remainders of their own.
/// </summary>
[Trait("Isa", "each")]
[Collection(Alone.Name)]
public sealed class EveryLengthTests : TensorTest
{
    /// <summary>All up to one more than the widest unrolled loop (four registers of 16), then those around multiples of a register.</summary>
    private static readonly int[] s_lengths = [.. Enumerable.Range(0, 257).Where(n => n <= 65 || n % 16 is 15 or 0 or 1)];

    private readonly RandomStream _random = new(31);

    public static TheoryData<string> Names => [.. LengthCase.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Values_and_gradients_are_those_of_the_scalar_engine(string name)
    {
        var (op, tolerance) = (LengthCase.All[name], LengthCase.All[name].Tolerance);
        foreach (var n in s_lengths.SkipWhile(n => n < op.Least))
        {
            using var scope = TensorScope.Open();
            var inputs = op.Inputs(_random, n);
            var seed = (ulong)_random.NextInt(int.MaxValue);
            var (actual, expected) = (Run(op, inputs, CpuEngine.Instance, seed), Run(op, inputs, ReferenceEngine.Instance, seed));
            for (var i = 0; i < expected.Length; i++) Near(expected[i], actual[i], tolerance, $"{name}, length {n}, {(i == 0 ? "result" : $"gradient {i}")}");
        }
    }

    /// <summary>A NaN at any place of any input shows in the result where it does in the scalar engine's, and nowhere else.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Not_a_number_reaches_what_it_reaches_there(string name)
    {
        var op = LengthCase.All[name];
        foreach (var n in (int[])[1, 7, 16, 33])
        {
            if (n < op.Least) continue;
            foreach (var share in (double[])[0, 0.5, 0.999])
            {
                using var scope = TensorScope.Open();
                var inputs = op.Inputs(_random, n);
                foreach (var input in inputs.Take(op.Confined))
                {
                    if (input.DType != DType.Float32 || input.Count == 0) continue;
                    var at = (int)(share * input.Count);
                    var kept = input.ReadSpan<float>()[at];
                    input.Write([float.NaN], at);
                    var (actual, expected) = (Run(op, inputs, CpuEngine.Instance, 3)[0], Run(op, inputs, ReferenceEngine.Instance, 3)[0]);
                    input.Write([kept], at);
                    Assert.Equal(Places(expected), Places(actual));
                }
            }
        }
    }

    [Fact]
    public void Optimizer_steps_are_those_of_the_scalar_engine()
    {
        var adam = new AdamWSettings(0.01, 0.9, 0.99, 1e-8, 0.1, 3, 0.7f);
        var sgd = new SgdSettings(0.1, 0.9, 0.01, Nesterov: true, 0.7f);
        foreach (var n in s_lengths)
        {
            using var scope = TensorScope.Open();
            Tensor[] inputs = [.. Enumerable.Range(0, 4).Select(_ => Gradients.Normal(_random, [n]))];
            Gradients.Change(inputs[3], Math.Abs);
            var results = new List<(double[] Norms, float[][] State)>();
            foreach (var engine in (Engine[])[ReferenceEngine.Instance, CpuEngine.Instance])
            {
                Tensor[] a = [.. inputs.Select(input => input.Clone().To(engine))], b = [.. inputs.Select(input => input.Clone().To(engine))];
                engine.AdamWStep(a[0], a[1], a[2], a[3], adam);
                engine.SgdStep(b[0], b[1], b[2], sgd);
                engine.MoveAverage(b[3], b[1], 0.9f);
                double[] norms = [engine.SquaredNorm(b[1]), engine.Norm(b[1], NormKind.One), engine.Norm(b[1], NormKind.Two), engine.Norm(b[1], NormKind.Infinity)];
                results.Add((norms, [.. a.Concat(b).Select(tensor => tensor.ToArray<float>())]));
            }

            for (var i = 0; i < results[0].State.Length; i++) Near(results[0].State[i], results[1].State[i], 2e-6, $"length {n}, state {i}");
            for (var i = 0; i < 4; i++) Assert.Equal(results[0].Norms[i], results[1].Norms[i], 3e-5 * (1 + results[0].Norms[i]));
        }
    }

    /// <summary>Result and gradients of the inputs on an engine.</summary>
    private static float[][] Run(LengthCase op, Tensor[] inputs, Engine engine, ulong seed)
    {
        using var scope = TensorScope.Open();
        Tensor[] there = [.. inputs.Select(input => input.Clone().To(engine))];
        foreach (var input in there) input.RequiresGrad = input.DType == DType.Float32;
        using var tape = Tape.Record();
        var y = op.Apply(there);
        float[][] results = [y.ToArray<float>()];
        tape.Backward(y, Gradients.Normal(new RandomStream(seed), y.Shape).To(engine));
        results = [.. results, .. there.Where(input => input.RequiresGrad).Select(input => input.Grad?.ToArray<float>() ?? [])];
        foreach (var input in there) input.ClearGrad();
        return results;
    }

    private static void Near(float[] expected, float[] actual, double tolerance, string what)
    {
        Assert.True(expected.Length == actual.Length, $"{what}: {actual.Length} numbers, expected {expected.Length}");
        var bound = tolerance * (1 + (expected.Length == 0 ? 0 : expected.Max(Math.Abs)));
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs((double)expected[i] - actual[i]) <= bound, $"{what}[{i}]: got {actual[i]:R}, expected {expected[i]:R}, allowed difference {bound:E1}");
    }

    private static IEnumerable<int> Places(float[] values) => Enumerable.Range(0, values.Length).Where(i => float.IsNaN(values[i]));
}
