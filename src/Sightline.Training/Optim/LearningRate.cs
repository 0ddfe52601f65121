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
}
