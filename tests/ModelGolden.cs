using Sightline.Tensors;

namespace Sightline.Testing;

/// <summary>
/// Reference inputs and outputs of a tiny published model, and how near ours must come: the tolerances of
/// <c>tests/fixtures/models/README.md</c>, derived there from the reference's own float32 against float64.
/// </summary>
internal sealed class ModelGolden(params string[] parts)
{
    /// <summary>Hidden states and features.</summary>
    public const double Forward = 2e-5;

    /// <summary>Logits and losses over them.</summary>
    public const double Logits = 5e-5;

    public FixtureTensors Tensors { get; } = new(parts);

    public Tensor Floats(string name) => Tensor.From(Tensors.Floats(name), new Shape(Tensors.Shape(name)));

    public Tensor Longs(string name) => Tensor.From(Tensors.Longs(name), new Shape(Tensors.Shape(name)));

    /// <summary>Stored [B, C, H, W], given as [B, H, W, C].</summary>
    public Tensor Pixels(string name)
    {
        var (values, shape) = (Tensors.Floats(name), new Shape(Tensors.Shape(name)));
        var (B, C, H, W) = (shape[0], shape[1], shape[2], shape[3]);
        var turned = new float[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var (rest, x) = Math.DivRem(i, W);
            (rest, var y) = Math.DivRem(rest, H);
            var (b, c) = Math.DivRem(rest, C);
            turned[(((((b * H) + y) * W) + x) * C) + c] = values[i];
        }

        return Tensor.From(turned, [B, H, W, C]);
    }

    /// <summary>Equal element count and every element within the tolerance.</summary>
    public void Check(string name, Tensor actual, double tolerance = Forward)
    {
        var expected = Tensors.Doubles(name);
        Assert.Equal(expected.Length, actual.Count);
        var worst = Worst(expected, actual.ToArray<float>());
        Assert.True(worst <= tolerance, $"{name}: differs by {worst:g3}, allowed are {tolerance:g3}");
    }

    /// <summary>A map stored as [B, C, H, W] against one of [B, H, W, C].</summary>
    public void CheckMap(string name, Tensor actual)
    {
        using var stored = Pixels(name);
        Assert.Equal(stored.Shape, actual.Shape);
        var worst = Worst([.. stored.ToArray<float>().Select(v => (double)v)], actual.ToArray<float>());
        Assert.True(worst <= Forward, $"{name}: differs by {worst:g3}");
    }

    /// <summary>Every stored gradient: |a - b| at most 1e-4 · max(1, max |b|). Returns how many there were.</summary>
    public int CheckGradients(Func<string, Tensor?> gradientOf)
    {
        var count = 0;
        foreach (var name in Tensors.Names.Where(name => name.StartsWith("grad.", StringComparison.Ordinal) && !name.EndsWith("#rows", StringComparison.Ordinal)))
        {
            var isRows = name.EndsWith("#values", StringComparison.Ordinal);
            var path = name["grad.".Length..].Replace("#values", "", StringComparison.Ordinal);
            var gradient = gradientOf(path);
            Assert.True(gradient is not null, $"{path} has no gradient");
            var expected = isRows ? AllRows(path, gradient.Shape) : Tensors.Doubles(name);
            Assert.Equal(expected.Length, gradient.Count);
            var worst = Worst(expected, gradient.ToArray<float>());
            var allowed = 1e-4 * Math.Max(1, expected.Max(Math.Abs));
            Assert.True(worst <= allowed, $"{name}: differs by {worst:g3}, allowed are {allowed:g3}");
            count++;
        }

        return count;
    }

    /// <summary>The rows that are not stored are zero.</summary>
    private double[] AllRows(string path, Shape shape)
    {
        var rows = Tensors.Longs($"grad.{path}#rows");
        var values = Tensors.Doubles($"grad.{path}#values");
        var all = new double[shape.Count];
        for (var r = 0; r < rows.Length; r++) values.AsSpan(r * shape[1], shape[1]).CopyTo(all.AsSpan((int)rows[r] * shape[1]));
        return all;
    }

    private static double Worst(double[] expected, float[] actual)
    {
        var worst = 0.0;
        for (var i = 0; i < expected.Length; i++)
        {
            var difference = Math.Abs(expected[i] - actual[i]);
            if (!(difference <= worst)) worst = difference; // NaN is kept
        }

        return worst;
    }
}
