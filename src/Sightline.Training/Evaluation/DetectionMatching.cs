namespace Sightline.Training.Evaluation;

/// <summary>
/// The matching rule of COCO, as a pure function that metrics and rewards share: detections from the best score down each
/// take the free truth that they overlap most, if by at least the threshold. An ignored truth is taken only when no other
/// fits, and a crowd can be taken any number of times (pycocotools, COCOeval.evaluateImg).
/// </summary>
public static class DetectionMatching
{
    /// <summary>Matches the detections of one picture and class.</summary>
    /// <param name="iou">[D, G]: detections from the best score down</param>
    /// <param name="truthOrder">[G]: the truths that count, then the ignored ones</param>
    /// <param name="counting">How many of the order are truths that count.</param>
    /// <param name="crowd">[G]: truths that can be taken again; or empty</param>
    /// <param name="threshold">Least IoU; equality is enough.</param>
    /// <param name="taken">[G]: working memory</param>
    /// <param name="match">[D]: receives the truth that each detection took, or -1</param>
    public static void Match(ReadOnlySpan<double> iou, ReadOnlySpan<int> truthOrder, int counting, ReadOnlySpan<bool> crowd, double threshold, Span<bool> taken, Span<int> match)
    {
        var truths = truthOrder.Length;
        var least = Math.Min(threshold, 1 - 1e-10); // a perfect overlap may come out a rounding below 1
        taken.Clear();
        for (var d = 0; d < match.Length; d++)
        {
            var row = iou.Slice(d * truths, truths);
            var best = Best(row, truthOrder[..counting], crowd, taken, least);
            if (best < 0) best = Best(row, truthOrder[counting..], crowd, taken, least);
            match[d] = best;
            if (best >= 0) taken[best] = true;
        }
    }

    // of equal overlaps the last in the order wins, as in the official code
    private static int Best(ReadOnlySpan<double> row, ReadOnlySpan<int> order, ReadOnlySpan<bool> crowd, ReadOnlySpan<bool> taken, double least)
    {
        var best = -1;
        foreach (var g in order)
        {
            if (row[g] < least || (taken[g] && (crowd.IsEmpty || !crowd[g]))) continue;
            least = row[g];
            best = g;
        }

        return best;
    }
}
