namespace Sightline.Training.Optim;

/// <summary>
/// Learning rate schedules as factors on the largest rate, by step from 0 (as transformers.optimization defines them).
/// </summary>
public static class LearningRate
{
    /// <summary>Up in a straight line, then down in a straight line to zero at the last step.</summary>
    public static double Linear(int step, int warmUp, int steps) => step < warmUp
        ? (double)step / Math.Max(1, warmUp)
        : Math.Max(0, (double)(steps - step) / Math.Max(1, steps - warmUp));

    /// <summary>Up in a straight line, then down along a cosine; half a period reaches zero at the last step.</summary>
    public static double Cosine(int step, int warmUp, int steps, double periods = 0.5)
    {
        if (step < warmUp) return (double)step / Math.Max(1, warmUp);
        var progress = (double)(step - warmUp) / Math.Max(1, steps - warmUp);
        return Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * periods * 2 * progress)));
    }

    /// <summary>Up in a straight line, then level.</summary>
    public static double Constant(int step, int warmUp) => step < warmUp ? (double)step / Math.Max(1, warmUp) : 1;

    /// <summary>Up in a straight line, then several half cosines, each from the top to zero (Loshchilov, Hutter 2017).</summary>
    public static double CosineRestarts(int step, int warmUp, int steps, int cycles)
    {
        if (step < warmUp) return (double)step / Math.Max(1, warmUp);
        var progress = (double)(step - warmUp) / Math.Max(1, steps - warmUp);
        return progress >= 1 ? 0 : Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (cycles * progress % 1))));
    }

    /// <summary>Up in a straight line, then a power of the time left, down to the share <paramref name="end"/>.</summary>
    public static double Polynomial(int step, int warmUp, int steps, double power, double end)
    {
        if (step < warmUp) return (double)step / Math.Max(1, warmUp);
        if (step > steps) return end;
        var left = 1 - ((double)(step - warmUp) / (steps - warmUp));
        return ((1 - end) * Math.Pow(left, power)) + end;
    }

    /// <summary>Up in a straight line, then 1 / √(step / warmUp).</summary>
    public static double InverseRoot(int step, int warmUp) => step < warmUp
        ? (double)step / Math.Max(1, warmUp)
        : 1 / Math.Sqrt((double)step / Math.Max(1, warmUp));

    /// <summary>Multiplied by <paramref name="gamma"/> at each milestone that has been reached.</summary>
    public static double Steps(int step, ReadOnlySpan<int> milestones, double gamma)
    {
        var reached = 0;
        foreach (var milestone in milestones) reached += milestone <= step ? 1 : 0;
        return Math.Pow(gamma, reached);
    }
}
