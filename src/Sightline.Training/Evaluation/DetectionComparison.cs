namespace Sightline.Training.Evaluation;

/// <summary>
/// Compares two detectors on the same pictures. Intervals redraw the pictures for both runs alike; the test exchanges the
/// runs' answers picture by picture. Both reuse the matches, which do not depend on other pictures.
/// </summary>
internal sealed class DetectionComparison(DetectionTable tableA, DetectionTable tableB, CocoEvaluationOptions options, DetectionFigure[] figures)
{
    public IReadOnlyList<PairedComparison> Compare(BootstrapOptions bootstrap)
    {
        var images = tableA.ImageIds.Length;
        var once = PictureWeights.Once(images);
        var drawn = PictureWeights.Bootstrap(images, bootstrap);
        var exchanged = PictureWeights.Exchanges(images, bootstrap);
        var (complement, always) = (exchanged.Complement(), PictureWeights.Once(images, bootstrap.Samples));
        var sets = new PartialFigures(tableA.Groups);
        CategoryWorkers.Run(tableA, options.Workers, () =>
        {
            var max = options.MaxDetections[^1];
            var (matcherA, matcherB) = (new CategoryMatcher(tableA, options, max), new CategoryMatcher(tableB, options, max));
            var scorer = new ReplicateScorer(options, figures);
            return k =>
            {
                var (a, b) = (matcherA.Match(k), matcherB.Match(k));
                var (orderedA, orderedB) = (OrderedMatches.From(a), OrderedMatches.From(b));
                var merged = OrderedMatches.Merge(a, b, images);
                sets.A[k] = Run(scorer, orderedA, a, once, once);
                sets.B[k] = Run(scorer, orderedB, b, once, once);
                sets.DrawnA[k] = Run(scorer, orderedA, a, drawn, drawn);
                sets.DrawnB[k] = Run(scorer, orderedB, b, drawn, drawn);
                sets.ExchangedA[k] = Run(scorer, merged, a, exchanged, always);
                sets.ExchangedB[k] = Run(scorer, merged, a, complement, always);
            };
        });

        var evaluation = new DetectionEvaluation(tableA, options, figures);
        return [.. Enumerable.Range(0, figures.Length).Select(f => Summarize(evaluation, sets, f, bootstrap))];
    }

    private double[] Run(ReplicateScorer scorer, OrderedMatches ordered, CategoryMatches truth, PictureWeights slots, PictureWeights pictures)
    {
        var result = new double[figures.Length * slots.Sets];
        scorer.Score(ordered, truth, slots, pictures, result);
        return result;
    }

    private PairedComparison Summarize(DetectionEvaluation evaluation, PartialFigures sets, int f, BootstrapOptions bootstrap)
    {
        var (a, b) = (evaluation.Means(sets.A, f, 1)[0], evaluation.Means(sets.B, f, 1)[0]);
        if (a < 0 || b < 0) return new PairedComparison(figures[f].Name, a, b, 0, Interval.Undefined(bootstrap.Level), 1);
        var (drawnA, drawnB) = (evaluation.Means(sets.DrawnA, f, bootstrap.Samples), evaluation.Means(sets.DrawnB, f, bootstrap.Samples));
        var differences = drawnA.Zip(drawnB).Where(p => p.First >= 0 && p.Second >= 0).Select(p => p.First - p.Second).ToArray();
        var (exchangedA, exchangedB) = (evaluation.Means(sets.ExchangedA, f, bootstrap.Samples), evaluation.Means(sets.ExchangedB, f, bootstrap.Samples));
        var asFar = exchangedA.Zip(exchangedB).Count(p => PairedComparison.IsAsFar(p.First - p.Second, a - b));
        return new PairedComparison(figures[f].Name, a, b, a - b, Interval.OfPercentiles(differences, bootstrap.Level), PairedComparison.Chance(asFar, bootstrap.Samples));
    }

    // [K][F, B] each
    private sealed class PartialFigures(int groups)
    {
        public readonly double[][] A = new double[groups][];
        public readonly double[][] B = new double[groups][];
        public readonly double[][] DrawnA = new double[groups][];
        public readonly double[][] DrawnB = new double[groups][];
        public readonly double[][] ExchangedA = new double[groups][];
        public readonly double[][] ExchangedB = new double[groups][];
    }
}
