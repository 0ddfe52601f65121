using Sightline.Tensors.Autograd;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>Checks gradients against central differences of the operation itself, summed in double.</summary>
internal static class Gradients
{
    /// <summary>A tensor of standard normal numbers.</summary>
    public static Tensor Normal(RandomStream random, Shape shape, float scale = 1)
    {
        var values = new float[shape.Count];
        foreach (ref var value in values.AsSpan()) value = scale * (float)random.NextNormal();
        return Tensor.From(values, shape);
    }

    /// <summary>Replaces every element.</summary>
    public static void Change(Tensor x, Func<float, float> function) => x.Write<float>(Array.ConvertAll(x.ToArray<float>(), value => function(value)));

    /// <summary>
    /// For f = sum(operation() · r) with random r: df/dx of every input against (f(x + h) - f(x - h)) / 2h, for at most
    /// <paramref name="probes"/> elements of each input.
    /// </summary>
    public static void Check(Tensor[] inputs, Func<Tensor> operation, RandomStream random, float h = 1e-2f, double tolerance = 2e-3, int probes = 40)
    {
        Tensor weights;
        using (Tape.NoGrad()) weights = Normal(random, operation().Shape);
        foreach (var input in inputs) input.RequiresGrad = true;
        using (var tape = Tape.Record()) tape.Backward(operation(), weights.Clone());
        for (var n = 0; n < inputs.Length; n++)
        {
            var gradient = inputs[n].Grad!.ToArray<float>();
            for (var probe = 0; probe < Math.Min(probes, gradient.Length); probe++)
            {
                var i = gradient.Length <= probes ? probe : random.NextInt(gradient.Length);
                var value = inputs[n].ReadSpan<float>()[i];
                var above = Probe(inputs[n], i, value + h, operation, weights);
                var below = Probe(inputs[n], i, value - h, operation, weights);
                inputs[n].Write([value], i);
                var expected = (above - below) / (2 * (double)h);
                Assert.True(Math.Abs(expected - gradient[i]) <= tolerance * (1 + Math.Abs(expected)), $"input {n}[{i}]: gradient {gradient[i]}, difference quotient {expected}");
            }

            inputs[n].ClearGrad();
            inputs[n].RequiresGrad = false;
        }
    }

    private static double Probe(Tensor input, int index, float value, Func<Tensor> operation, Tensor weights)
    {
        using var scope = TensorScope.Open();
        using var off = Tape.NoGrad();
        input.Write([value], index);
        var (y, r) = (operation().ToArray<float>(), weights.ToArray<float>());
        double sum = 0;
        for (var i = 0; i < y.Length; i++) sum += (double)y[i] * r[i];
        return sum;
    }
}
