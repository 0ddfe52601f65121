namespace Sightline.Training.Evaluation;

/// <summary>The work that COCO and LVIS share: match, draw the curves, average, and repeat over redrawn pictures.</summary>
internal sealed class DetectionEvaluation(DetectionTable table, CocoEvaluationOptions options, DetectionFigure[] figures)
{
    private readonly int _maxDetections = options.MaxDetections[^1];
    private readonly double[] _recalls = [.. options.RecallThresholds];

    public DetectionScore Score(string metric, IReadOnlyList<string> notes)
    {
        IReadOnlyList<CocoCategory> categories = options.ClassAgnostic ? [new CocoCategory(-1, "any")] : table.CategoryList;
        var curves = new DetectionCurves(options, categories);
        var truths = new long[table.Groups];
        var bootstrap = options.Bootstrap;
        var weights = bootstrap is null ? null : PictureWeights.Bootstrap(table.ImageIds.Length, bootstrap);
        var replicates = new double[bootstrap is null ? 0 : table.Groups][];
        CategoryWorkers.Run(table, options.Workers, () =>
        {
            var matcher = new CategoryMatcher(table, options, _maxDetections);
            var curve = new PrecisionRecall(_recalls);
            var scorer = new ReplicateScorer(options, figures);
            return k =>
            {
                var matches = matcher.Match(k);
                truths[k] = matches.TotalPositives(0);
                Accumulate(curves, matches, curve, k);
                if (weights is null) return;
                replicates[k] = new double[figures.Length * weights.Sets];
                scorer.Score(OrderedMatches.From(matches), matches, weights, weights, replicates[k]);
            };
        });

        return new DetectionScore
        {
            Metric = metric,
            Names = [.. figures.Select(f => f.Name)],
            Stats = [.. figures.Select(f => f.From(curves))],
            Intervals = bootstrap is null ? [] : [.. Enumerable.Range(0, figures.Length).Select(f => Summary(replicates, f, bootstrap))],
            PerClass = [.. Enumerable.Range(0, table.Groups).Select(k => ClassOf(curves, k, truths[k], replicates))],
            Images = table.ImageIds.Length,
            Truths = table.Truths.Count,
            Detections = table.Detections.Count,
            Notes = notes,
            Curves = curves,
        };
    }

    private void Accumulate(DetectionCurves curves, CategoryMatches matches, PrecisionRecall curve, int k)
    {
        curve.Reserve(matches.Count);
        var order = new int[matches.Count];
        var (precision, scores) = (new double[_recalls.Length], new double[_recalls.Length]);
        for (var a = 0; a < curves.A; a++)
        {
            var positives = matches.TotalPositives(a);
            if (positives == 0) continue;
            for (var m = 0; m < curves.M; m++)
            {
                var n = 0;
                foreach (var d in matches.Order.AsSpan(0, matches.Count))
                {
                    if (matches.Rank[d] < options.MaxDetections[m]) order[n++] = d;
                }

                for (var t = 0; t < curves.T; t++)
                {
                    curves.Recall[curves.At(t, k, a, m)] = curve.Curve(order.AsSpan(0, n), matches.Scores, matches.Matched[a], matches.Ignored[a], t, positives, precision, scores);
                    Store(curves, t, k, a, m, precision, scores);
                }
            }
        }
    }

    private static void Store(DetectionCurves curves, int t, int k, int a, int m, ReadOnlySpan<double> precision, ReadOnlySpan<double> scores)
    {
        var sum = 0.0;
        for (var r = 0; r < precision.Length; r++)
        {
            var at = curves.At(t, r, k, a, m);
            curves.Precision[at] = precision[r];
            curves.Scores[at] = scores[r];
            sum += precision[r];
        }

        curves.AveragePrecision[curves.At(t, k, a, m)] = sum / precision.Length;
    }

    private ClassScore ClassOf(DetectionCurves curves, int k, long truths, double[][] replicates)
    {
        var ap75 = figures.First(f => f.Name == "AP75");
        var ap50 = figures.First(f => f.Name == "AP50");
        Interval? interval = null;
        if (options.Bootstrap is { } bootstrap)
        {
            double[] defined = [.. replicates[k].AsSpan(0, bootstrap.Samples)];
            interval = Interval.OfPercentiles(defined.Where(v => v >= 0).ToArray(), bootstrap.Level);
        }

        var category = curves.Categories[k];
        var detections = table.Detections.Start[k + 1] - table.Detections.Start[k];
        return new ClassScore(category.Id, category.Name, truths, detections, curves.Ap(category: k), ap50.From(curves, k), ap75.From(curves, k), curves.Ar(category: k), interval);
    }

    private Interval Summary(double[][] replicates, int figure, BootstrapOptions bootstrap)
    {
        var values = Means(replicates, figure, bootstrap.Samples);
        return Interval.OfPercentiles(values.Where(v => v >= 0).ToArray(), bootstrap.Level);
    }

    /// <summary>The mean of a figure over the classes where it is defined, for every redrawn set; -1 where it is in none.</summary>
    internal double[] Means(double[][] replicates, int figure, int sets)
    {
        var means = new double[sets];
        for (var b = 0; b < sets; b++)
        {
            var (sum, count) = (0.0, 0);
            for (var k = 0; k < replicates.Length; k++)
            {
                var value = replicates[k][(figure * sets) + b];
                if (value < 0 || (figures[figure].Frequency != '\0' && table.CategoryList[k].Frequency != figures[figure].Frequency)) continue;
                sum += value;
                count++;
            }

            means[b] = count == 0 ? -1 : sum / count;
        }

        return means;
    }
}
