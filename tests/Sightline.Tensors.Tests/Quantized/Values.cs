namespace Sightline.Tensors.Tests.Quantized;

/// <summary>Numbers for tests, the same in every run.</summary>
internal static class Values
{
    /// <summary>Standard normal, seeded.</summary>
    public static Tensor Normal(Shape shape, int seed)
    {
        var stream = new RandomStream((ulong)seed);
        var values = new float[shape.Count];
        for (var i = 0; i < values.Length; i++) values[i] = (float)stream.NextNormal();
        return Tensor.From(values, shape);
    }
}
