using Sightline.Tensors;

namespace Sightline.Nn;

/// <summary>How a parameter starts when no checkpoint holds it.</summary>
public readonly record struct Initializer(InitializerKind Kind, float Value)
{
    /// <summary>All zero: biases, and the last layer of a residual branch.</summary>
    public static Initializer Zeros => new(InitializerKind.Constant, 0);

    /// <summary>All one: norm weights.</summary>
    public static Initializer Ones => new(InitializerKind.Constant, 1);

    /// <summary>Every element the same.</summary>
    public static Initializer Constant(float value) => new(InitializerKind.Constant, value);

    /// <summary>Normal with this standard deviation, cut at two of them (as ViT and CLIP start).</summary>
    public static Initializer TruncatedNormal(float standardDeviation = 0.02f) => new(InitializerKind.TruncatedNormal, standardDeviation);

    /// <summary>He et al. 2015: normal with variance gain² / fan-in, fan-in being the product of all axes but the first.</summary>
    public static Initializer FanIn(float gain = 1) => new(InitializerKind.FanIn, gain);

    /// <summary>Writes the starting values. The same stream gives the same bits.</summary>
    internal void Apply(Tensor target, RandomStream random)
    {
        if (Kind == InitializerKind.Constant)
        {
            target.Engine.Fill(target, Value);
            return;
        }

        var values = target.IsOnHost ? target.AsSpan<float>() : new float[target.Count];
        var fanIn = target.Shape.Rank > 1 ? target.Count / target.Shape[0] : 1;
        var deviation = Kind == InitializerKind.FanIn ? Value / Math.Sqrt(fanIn) : Value;
        for (var i = 0; i < values.Length; i++)
        {
            double draw;
            do draw = random.NextNormal();
            while (Math.Abs(draw) > 2);
            values[i] = (float)(draw * deviation);
        }

        if (!target.IsOnHost) target.Write<float>(values);
    }
}

/// <summary>The families of <see cref="Initializer"/>.</summary>
public enum InitializerKind
{
    /// <summary>One value everywhere.</summary>
    Constant,

    /// <summary>Normal, cut at two standard deviations.</summary>
    TruncatedNormal,

    /// <summary>Normal with a deviation of gain / sqrt(fan-in), cut at two of them.</summary>
    FanIn,
}
