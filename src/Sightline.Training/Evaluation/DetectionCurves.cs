namespace Sightline.Training.Evaluation;

/// <summary>
/// The arrays of the official code. T: IoU thresholds, R: recall thresholds, K: classes in ascending id, A: area ranges,
/// M: numbers of detections. -1 where there is nothing to find.
/// </summary>
public sealed class DetectionCurves
{
    internal DetectionCurves(CocoEvaluationOptions options, IReadOnlyList<CocoCategory> categories)
    {
        (Options, Categories) = (options, categories);
        (T, R, K, A, M) = (options.IouThresholds.Count, options.RecallThresholds.Count, categories.Count, options.AreaRanges.Count, options.MaxDetections.Count);
        Precision = new double[(long)T * R * K * A * M];
        Scores = new double[Precision.Length];
        Recall = new double[T * K * A * M];
        AveragePrecision = new double[T * K * A * M];
        Precision.AsSpan().Fill(-1);
        Scores.AsSpan().Fill(-1);
        Recall.AsSpan().Fill(-1);
        AveragePrecision.AsSpan().Fill(-1);
    }

    /// <summary>How they were made.</summary>
    public CocoEvaluationOptions Options { get; }

    /// <summary>The classes of axis K; one without a name when classes do not count.</summary>
    public IReadOnlyList<CocoCategory> Categories { get; }

    public int T { get; }

    public int R { get; }

    public int K { get; }

    public int A { get; }

    public int M { get; }

    /// <summary>[T, R, K, A, M]: the precision at each recall threshold.</summary>
    public double[] Precision { get; }

    /// <summary>[T, R, K, A, M]: the score at each recall threshold.</summary>
    public double[] Scores { get; }

    /// <summary>[T, K, A, M]: the greatest recall.</summary>
    public double[] Recall { get; }

    /// <summary>[T, K, A, M]: the mean of the precision over R.</summary>
    public double[] AveragePrecision { get; }

    /// <summary>The mean average precision over the chosen thresholds and classes; -1 where none is defined.</summary>
    /// <param name="threshold">Index of an IoU threshold, or null for the mean over all.</param>
    /// <param name="area">Index of an area range.</param>
    /// <param name="maxDetections">Index of a number of detections, or null for the last.</param>
    /// <param name="category">Index of a class, or null for the mean over all.</param>
    public double Ap(int? threshold = null, int area = 0, int? maxDetections = null, int? category = null) =>
        Mean(AveragePrecision, threshold, area, maxDetections ?? M - 1, category, null);

    /// <summary>The mean recall over the chosen thresholds and classes; -1 where none is defined.</summary>
    /// <inheritdoc cref="Ap"/>
    public double Ar(int? threshold = null, int area = 0, int? maxDetections = null, int? category = null) =>
        Mean(Recall, threshold, area, maxDetections ?? M - 1, category, null);

    /// <summary>AP over the classes of one LVIS frequency: 'r', 'c' or 'f'.</summary>
    public double ApOfFrequency(char frequency) => Mean(AveragePrecision, null, 0, M - 1, null, frequency);

    private double Mean(double[] values, int? threshold, int area, int m, int? category, char? frequency)
    {
        var (sum, count) = (0.0, 0);
        for (var t = threshold ?? 0; t < (threshold + 1 ?? T); t++)
        {
            for (var k = category ?? 0; k < (category + 1 ?? K); k++)
            {
                if (frequency is { } f && Categories[k].Frequency != f) continue;
                var value = values[At(t, k, area, m)];
                if (value <= -1) continue;
                sum += value;
                count++;
            }
        }

        return count == 0 ? -1 : sum / count;
    }

    internal int At(int t, int k, int a, int m) => (((((t * K) + k) * A) + a) * M) + m;

    internal int At(int t, int r, int k, int a, int m) => (((((((t * R) + r) * K) + k) * A) + a) * M) + m;
}
