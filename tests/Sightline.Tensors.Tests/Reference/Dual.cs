namespace Sightline.Tensors.Tests.Reference;

/// <summary>
/// A number with its derivatives by eight inputs (forward-mode differentiation): a formula written once gives value and gradient.
/// Where two sides of a minimum are equal each gets half.
/// </summary>
internal readonly struct Dual(double value, double[] slopes)
{
    public const int Inputs = 8;

    public double Value => value;

    public double[] Slopes => slopes;

    /// <summary>Input number <paramref name="index"/>.</summary>
    public static Dual Input(double value, int index)
    {
        var slopes = new double[Inputs];
        slopes[index] = 1;
        return new Dual(value, slopes);
    }

    public static implicit operator Dual(double constant) => new(constant, new double[Inputs]);

    public static Dual operator +(Dual a, Dual b) => Join(a, b, a.Value + b.Value, 1, 1);

    public static Dual operator -(Dual a, Dual b) => Join(a, b, a.Value - b.Value, 1, -1);

    public static Dual operator *(Dual a, Dual b) => Join(a, b, a.Value * b.Value, b.Value, a.Value);

    public static Dual operator /(Dual a, Dual b) => Join(a, b, a.Value / b.Value, 1 / b.Value, -a.Value / (b.Value * b.Value));

    public static Dual Min(Dual a, Dual b) => Join(a, b, Math.Min(a.Value, b.Value), Before(a, b), Before(b, a));

    public static Dual Max(Dual a, Dual b) => Join(a, b, Math.Max(a.Value, b.Value), Before(b, a), Before(a, b));

    /// <summary>max(a, 0), without a gradient at 0.</summary>
    public static Dual Positive(Dual a) => a.Value > 0 ? a : 0;

    public static Dual Atan(Dual a) => Join(a, a, Math.Atan(a.Value), 1 / (1 + (a.Value * a.Value)), 0);

    /// <summary>The value as a constant.</summary>
    public Dual Fixed() => value;

    private static double Before(Dual a, Dual b) => a.Value < b.Value ? 1 : a.Value == b.Value ? 0.5 : 0;

    private static Dual Join(Dual a, Dual b, double value, double byA, double byB)
    {
        var slopes = new double[Inputs];
        for (var i = 0; i < Inputs; i++) slopes[i] = (byA * a.Slopes[i]) + (byB * b.Slopes[i]);
        return new Dual(value, slopes);
    }
}
