namespace Sightline.Training.Evaluation;

/// <summary>One number of a detection score: which part of the curves it averages.</summary>
/// <param name="Name">As people write it: AP, AP50, APsmall, AR100.</param>
/// <param name="IsRecall">Average recall; otherwise average precision.</param>
/// <param name="Threshold">Index of an IoU threshold; null for the mean over all; -1 for one that was not computed.</param>
/// <param name="Area">Index of an area range.</param>
/// <param name="MaxDetections">Index of a number of detections.</param>
/// <param name="Frequency">LVIS: the classes that count; '\0' for all.</param>
internal readonly record struct DetectionFigure(string Name, bool IsRecall, int? Threshold, int Area, int MaxDetections, char Frequency = '\0')
{
    /// <summary>The 12 numbers of COCO, in its order (with other options: as many as these give).</summary>
    public static DetectionFigure[] Coco(CocoEvaluationOptions options)
    {
        var last = options.MaxDetections.Count - 1;
        var areas = options.AreaRanges;
        var figures = new List<DetectionFigure>
        {
            new("AP", false, null, 0, last), new("AP50", false, IndexOf(options, .5), 0, last), new("AP75", false, IndexOf(options, .75), 0, last),
        };
        for (var a = 1; a < areas.Count; a++) figures.Add(new("AP" + areas[a].Name, false, null, a, last));
        for (var m = 0; m <= last; m++) figures.Add(new($"AR{options.MaxDetections[m]}", true, null, 0, m));
        for (var a = 1; a < areas.Count; a++) figures.Add(new("AR" + areas[a].Name, true, null, a, last));
        return [.. figures];
    }

    /// <summary>The 13 numbers of LVIS, in its order and with its names.</summary>
    public static DetectionFigure[] Lvis(CocoEvaluationOptions options)
    {
        var m = options.MaxDetections[^1];
        return
        [
            new("AP", false, null, 0, 0), new("AP50", false, IndexOf(options, .5), 0, 0), new("AP75", false, IndexOf(options, .75), 0, 0),
            new("APs", false, null, 1, 0), new("APm", false, null, 2, 0), new("APl", false, null, 3, 0),
            new("APr", false, null, 0, 0, 'r'), new("APc", false, null, 0, 0, 'c'), new("APf", false, null, 0, 0, 'f'),
            new($"AR@{m}", true, null, 0, 0), new($"ARs@{m}", true, null, 1, 0), new($"ARm@{m}", true, null, 2, 0), new($"ARl@{m}", true, null, 3, 0),
        ];
    }

    public double From(DetectionCurves curves, int? category = null)
    {
        if (Threshold == -1) return -1;
        if (Frequency != '\0') return curves.ApOfFrequency(Frequency);
        return IsRecall ? curves.Ar(Threshold, Area, MaxDetections, category) : curves.Ap(Threshold, Area, MaxDetections, category);
    }

    private static int IndexOf(CocoEvaluationOptions options, double threshold)
    {
        for (var t = 0; t < options.IouThresholds.Count; t++)
        {
            if (Math.Abs(options.IouThresholds[t] - threshold) < 1e-9) return t;
        }

        return -1;
    }
}
