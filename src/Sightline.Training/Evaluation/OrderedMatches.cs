using Sightline.Geometry;

namespace Sightline.Training.Evaluation;

/// <summary>
/// Matches of one class from the best score down, of one run or of two runs merged. A slot names the picture (and for the
/// second run the picture plus the number of pictures), so that weights by slot can choose pictures and runs.
/// </summary>
internal sealed class OrderedMatches
{
    private OrderedMatches(int count, int areas)
    {
        (Slot, Rank) = (new int[count], new int[count]);
        Matched = [.. Enumerable.Range(0, areas).Select(_ => new ulong[count])];
        Ignored = [.. Enumerable.Range(0, areas).Select(_ => new ulong[count])];
    }

    public int Count => Slot.Length;

    public int[] Slot { get; }

    public int[] Rank { get; }

    public ulong[][] Matched { get; }

    public ulong[][] Ignored { get; }

    public static OrderedMatches From(CategoryMatches matches)
    {
        var ordered = new OrderedMatches(matches.Count, matches.Matched.Length);
        for (var i = 0; i < matches.Count; i++) ordered.Take(i, matches, matches.Order[i], 0);
        return ordered;
    }

    public static OrderedMatches Merge(CategoryMatches a, CategoryMatches b, int images)
    {
        var n = a.Count + b.Count;
        var (source, scores, order) = (new int[n], new double[n], new int[n]);
        // by picture first: of equal scores the lower picture comes first, whichever run it is from
        for (int i = 0, j = 0; i + j < n;)
        {
            var takeA = j == b.Count || (i < a.Count && a.Image[i] <= b.Image[j]);
            scores[i + j] = takeA ? a.Scores[i] : b.Scores[j];
            source[i + j] = takeA ? i : ~j;
            if (takeA) i++;
            else j++;
        }

        ScoreOrder.Descending(scores, order);
        var ordered = new OrderedMatches(n, a.Matched.Length);
        for (var k = 0; k < n; k++)
        {
            var s = source[order[k]];
            if (s >= 0) ordered.Take(k, a, s, 0);
            else ordered.Take(k, b, ~s, images);
        }

        return ordered;
    }

    private void Take(int place, CategoryMatches matches, int index, int slotOffset)
    {
        Slot[place] = matches.Image[index] + slotOffset;
        Rank[place] = matches.Rank[index];
        for (var a = 0; a < Matched.Length; a++)
        {
            Matched[a][place] = matches.Matched[a][index];
            Ignored[a][place] = matches.Ignored[a][index];
        }
    }
}
