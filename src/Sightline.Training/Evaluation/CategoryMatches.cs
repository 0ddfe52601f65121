namespace Sightline.Training.Evaluation;

/// <summary>
/// The outcome of matching one class over all pictures, for every area range (A) and IoU threshold (T): all that the
/// precision-recall curves, the intervals and the comparison of two runs need. Arrays are reused from class to class;
/// <see cref="Count"/> and <see cref="TruthGroups"/> say how far they are filled.
/// </summary>
internal sealed class CategoryMatches(int areas)
{
    /// <summary>Detections that count, in the order of the table.</summary>
    public int Count { get; private set; }

    public double[] Scores = [];
    public int[] Image = [];
    public int[] Rank = []; // place among the detections of its own picture, 0 the best
    public int[] Order = []; // from the best score of all pictures down

    /// <summary>[A][N]: bit t set where the detection took a truth at threshold t.</summary>
    public ulong[][] Matched { get; } = NewBits(areas);

    /// <summary>[A][N]: bit t set where the detection counts neither as right nor as wrong.</summary>
    public ulong[][] Ignored { get; } = NewBits(areas);

    /// <summary>Pictures that have truths of the class.</summary>
    public int TruthGroups { get; private set; }

    public int[] TruthImage = [];

    /// <summary>[A][P]: truths that count in those pictures.</summary>
    public int[][] Positives { get; } = [.. Enumerable.Range(0, areas).Select(_ => Array.Empty<int>())];

    public void Reset(int detections, int truths)
    {
        (Count, TruthGroups) = (0, 0);
        if (Scores.Length < detections)
        {
            (Scores, Image, Rank, Order) = (new double[detections], new int[detections], new int[detections], new int[detections]);
            for (var a = 0; a < Matched.Length; a++) (Matched[a], Ignored[a]) = (new ulong[detections], new ulong[detections]);
        }

        if (TruthImage.Length >= truths) return;
        TruthImage = new int[truths];
        for (var a = 0; a < Positives.Length; a++) Positives[a] = new int[truths];
    }

    public int AddDetections(int count)
    {
        var first = Count;
        Count += count;
        for (var a = 0; a < Matched.Length; a++)
        {
            Matched[a].AsSpan(first, count).Clear();
            Ignored[a].AsSpan(first, count).Clear();
        }

        return first;
    }

    public int AddTruthGroup(int image)
    {
        TruthImage[TruthGroups] = image;
        return TruthGroups++;
    }

    public long TotalPositives(int area)
    {
        var total = 0L;
        foreach (var n in Positives[area].AsSpan(0, TruthGroups)) total += n;
        return total;
    }

    private static ulong[][] NewBits(int areas) => [.. Enumerable.Range(0, areas).Select(_ => Array.Empty<ulong>())];
}
