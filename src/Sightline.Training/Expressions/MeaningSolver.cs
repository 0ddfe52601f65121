using Sightline.Geometry;

namespace Sightline.Training.Expressions;

/// <summary>
/// Evaluates a <see cref="Meaning"/> on the objects of a picture in three values. Only an answer without
/// <see cref="Truth.Unknown"/> may be used: then every border between "meant" and "not meant" is wider than the margins,
/// and every usual reading of the words (centres or edges) agrees.
/// </summary>
public sealed class MeaningSolver(ExpressionMargins margins)
{
    /// <summary>The margins that answers keep.</summary>
    public ExpressionMargins Margins { get; } = margins;

    /// <summary>
    /// The indexes of the objects that are meant (none is a safe "nothing here"), or null when the picture does not give a
    /// clear answer.
    /// </summary>
    /// <param name="meaning">What is asked.</param>
    /// <param name="objects">The picture's objects, boxes in one frame.</param>
    public int[]? Solve(Meaning meaning, IReadOnlyList<DescribedObject> objects)
    {
        ArgumentNullException.ThrowIfNull(objects);
        Span<Truth> truth = objects.Count <= 256 ? stackalloc Truth[objects.Count] : new Truth[objects.Count];
        if (!TrySolve(meaning, objects, truth)) return null;
        var count = truth.Count(Truth.Yes);
        if (count == 0) return [];
        var found = new int[count];
        for (int i = 0, n = 0; i < truth.Length; i++)
        {
            if (truth[i] == Truth.Yes) found[n++] = i;
        }

        return found;
    }

    private bool TrySolve(Meaning meaning, IReadOnlyList<DescribedObject> objects, Span<Truth> truth)
    {
        Select(meaning.Of, objects, truth);
        return meaning switch
        {
            EveryMeaning => !truth.Contains(Truth.Unknown),
            CountMeaning m => !truth.Contains(Truth.Unknown) && KeepIfCount(truth, m.Count),
            RegionMeaning m => Narrow(truth, i => InRegion(objects[i].Box, m.Region)),
            RankMeaning m => !truth.Contains(Truth.Unknown) && KeepRank(objects, truth, m),
            RelationMeaning m => AnchorOf(m.Anchor, objects) is { } anchor && NarrowByRelation(objects, truth, m.Relation, anchor),
            DistanceMeaning m => AnchorOf(m.Anchor, objects) is { } anchor && KeepByDistance(objects, truth, m.Farthest, anchor),
            BetweenMeaning m => AnchorOf(m.First, objects) is { } first && AnchorOf(m.Second, objects) is { } second
                && first != second && NarrowByBetween(objects, truth, first, second),
            _ => throw new ArgumentException($"unknown meaning {meaning.GetType().Name}"),
        };
    }

    private static void Select(Selector selector, IReadOnlyList<DescribedObject> objects, Span<Truth> truth)
    {
        for (var i = 0; i < truth.Length; i++)
        {
            var o = objects[i];
            var answer = And(Matches(selector.Label, o.Label), And(Matches(selector.Color, o.Color), And(Matches(selector.Texture, o.Texture), Matches(selector.Size, o.Size))));
            truth[i] = answer == Truth.Yes && o.IsUncertain ? Truth.Unknown : answer;
        }
    }

    private static Truth Matches(string? wanted, string? actual) =>
        wanted is null ? Truth.Yes : actual is null ? Truth.Unknown : wanted == actual ? Truth.Yes : Truth.No;

    private static Truth And(Truth a, Truth b) =>
        a == Truth.No || b == Truth.No ? Truth.No : a == Truth.Yes && b == Truth.Yes ? Truth.Yes : Truth.Unknown;

    /// <summary>The one object that an anchor means, or null when it is not clearly one.</summary>
    private int? AnchorOf(Meaning anchor, IReadOnlyList<DescribedObject> objects) =>
        Solve(anchor, objects) is [var only] ? only : null;

    private static bool Narrow(Span<Truth> truth, Func<int, Truth> predicate)
    {
        for (var i = 0; i < truth.Length; i++)
        {
            if (truth[i] == Truth.No) continue;
            truth[i] = And(truth[i], predicate(i));
            if (truth[i] == Truth.Unknown) return false;
        }

        return true;
    }

    private static bool KeepIfCount(Span<Truth> truth, int count)
    {
        if (truth.Count(Truth.Yes) != count) truth.Clear();
        return true;
    }

    private bool KeepRank(IReadOnlyList<DescribedObject> objects, Span<Truth> truth, RankMeaning meaning)
    {
        if (truth.Count(Truth.Yes) < meaning.Rank)
        {
            truth.Clear();
            return true;
        }

        for (var i = 0; i < truth.Length; i++)
        {
            if (truth[i] != Truth.Yes) continue;
            var (before, clear) = (0, true);
            for (var j = 0; j < truth.Length && clear; j++)
            {
                if (j == i || truth[j] != Truth.Yes) continue;
                if (IsBefore(objects[j].Box, objects[i].Box, meaning.Order)) before++;
                else clear = IsBefore(objects[i].Box, objects[j].Box, meaning.Order);
            }

            if (!clear || before != meaning.Rank - 1) continue;
            truth.Clear();
            truth[i] = Truth.Yes;
            return true;
        }

        return false;
    }

    /// <summary>True when a clearly comes before b: centres apart by the margin and the leading edges in the same order.</summary>
    private bool IsBefore(in Box a, in Box b, Order order) => order switch
    {
        Order.FromLeft => a.CenterX + ShiftX(a) <= b.CenterX && a.X1 < b.X1,
        Order.FromRight => a.CenterX - ShiftX(a) >= b.CenterX && a.X2 > b.X2,
        Order.FromTop => a.CenterY + ShiftY(a) <= b.CenterY && a.Y1 < b.Y1,
        Order.FromBottom => a.CenterY - ShiftY(a) >= b.CenterY && a.Y2 > b.Y2,
        Order.Largest => a.Area >= b.Area * Margins.AreaRatio,
        _ => a.Area * Margins.AreaRatio <= b.Area,
    };

    private double ShiftX(in Box box) => Margins.Shift * box.Frame.Width;

    private double ShiftY(in Box box) => Margins.Shift * box.Frame.Height;

    private Truth InRegion(in Box box, Region region)
    {
        var (x, y) = (box.CenterX / box.Frame.Width, box.CenterY / box.Frame.Height);
        // a box that spans most of the picture is on no side of it
        var (wide, tall) = (box.Width > 0.6 * box.Frame.Width, box.Height > 0.6 * box.Frame.Height);
        var left = wide ? Truth.Unknown : Below(x, 0.5);
        var right = wide ? Truth.Unknown : Below(1 - x, 0.5);
        var top = tall ? Truth.Unknown : Below(y, 0.5);
        var bottom = tall ? Truth.Unknown : Below(1 - y, 0.5);
        return region switch
        {
            Region.Left => left,
            Region.Right => right,
            Region.Top => top,
            Region.Bottom => bottom,
            Region.TopLeft => And(top, left),
            Region.TopRight => And(top, right),
            Region.BottomLeft => And(bottom, left),
            Region.BottomRight => And(bottom, right),
            _ => And(Below(Math.Abs(x - 0.5), 1 / 6.0), Below(Math.Abs(y - 0.5), 1 / 6.0)),
        };
    }

    private Truth Below(double value, double border) =>
        value <= border - Margins.RegionBand ? Truth.Yes : value >= border + Margins.RegionBand ? Truth.No : Truth.Unknown;

    private bool NarrowByRelation(IReadOnlyList<DescribedObject> objects, Span<Truth> truth, Relation relation, int anchor)
    {
        var to = objects[anchor].Box;
        truth[anchor] = Truth.No; // nothing stands in a relation to itself
        return Narrow(truth, i => Stands(objects[i].Box, relation, to));
    }

    private Truth Stands(in Box a, Relation relation, in Box b) => relation switch
    {
        Relation.LeftOf => Beside(b.CenterX - a.CenterX, Math.Abs(a.CenterY - b.CenterY), ShiftX(a), a.X1 < b.X1 && a.X2 < b.X2),
        Relation.RightOf => Beside(a.CenterX - b.CenterX, Math.Abs(a.CenterY - b.CenterY), ShiftX(a), a.X1 > b.X1 && a.X2 > b.X2),
        Relation.Above => Beside(b.CenterY - a.CenterY, Math.Abs(a.CenterX - b.CenterX), ShiftY(a), a.Y1 < b.Y1 && a.Y2 < b.Y2),
        Relation.Below => Beside(a.CenterY - b.CenterY, Math.Abs(a.CenterX - b.CenterX), ShiftY(a), a.Y1 > b.Y1 && a.Y2 > b.Y2),
        Relation.LargerThan => Ratio(a.Area, b.Area),
        _ => Ratio(b.Area, a.Area),
    };

    /// <summary>
    /// "Left of" and its like: clearly on that side, both edges in that order, and more beside than above (within about 60
    /// degrees); clearly not when on the other side. What is on the side but steeper is left undecided.
    /// </summary>
    private static Truth Beside(double along, double across, double margin, bool edgesAgree) =>
        along <= -margin ? Truth.No
        : along >= margin && across <= 1.75 * along && edgesAgree ? Truth.Yes
        : Truth.Unknown;

    private Truth Ratio(double larger, double smaller) =>
        larger >= smaller * Margins.AreaRatio ? Truth.Yes : larger * Margins.AreaRatio <= smaller ? Truth.No : Truth.Unknown;

    private bool KeepByDistance(IReadOnlyList<DescribedObject> objects, Span<Truth> truth, bool farthest, int anchor)
    {
        truth[anchor] = Truth.No;
        if (truth.Contains(Truth.Unknown) || truth.Count(Truth.Yes) == 0) return false;
        var to = objects[anchor].Box;
        for (var i = 0; i < truth.Length; i++)
        {
            if (truth[i] != Truth.Yes) continue;
            var first = true;
            for (var j = 0; j < truth.Length && first; j++)
            {
                if (j != i && truth[j] == Truth.Yes)
                    first = farthest ? IsNearer(objects[j].Box, objects[i].Box, to) : IsNearer(objects[i].Box, objects[j].Box, to);
            }

            if (!first) continue;
            truth.Clear();
            truth[i] = Truth.Yes;
            return true;
        }

        return false;
    }

    /// <summary>By centres with the margins, and not contradicted by the gaps between the boxes.</summary>
    private bool IsNearer(in Box a, in Box b, in Box to)
    {
        var shift = Math.Max(ShiftX(to), ShiftY(to));
        var (near, far) = (CenterDistance(a, to), CenterDistance(b, to));
        return far >= near * Margins.DistanceRatio && far >= near + shift && Gap(a, to) <= Gap(b, to);
    }

    private static double CenterDistance(in Box a, in Box b) => Math.Sqrt(Square(a.CenterX - b.CenterX) + Square(a.CenterY - b.CenterY));

    private static double Gap(in Box a, in Box b)
    {
        var dx = Math.Max(0, Math.Max(a.X1 - b.X2, b.X1 - a.X2));
        var dy = Math.Max(0, Math.Max(a.Y1 - b.Y2, b.Y1 - a.Y2));
        return Math.Sqrt((dx * dx) + (dy * dy));
    }

    private static double Square(double x) => x * x;

    private static bool NarrowByBetween(IReadOnlyList<DescribedObject> objects, Span<Truth> truth, int first, int second)
    {
        var (a, b) = (objects[first].Box, objects[second].Box);
        truth[first] = truth[second] = Truth.No;
        return Narrow(truth, i => IsBetween(objects[i].Box, a, b));
    }

    /// <summary>
    /// The centre falls on the inner part of the line between the anchors (0.15 to 0.85 of its length) and lies less than
    /// 0.4 of its length beside it; the doubtful band is 0.08 (along) and 0.12 (across) wide on either side.
    /// </summary>
    private static Truth IsBetween(in Box box, in Box a, in Box b)
    {
        var (dx, dy) = (b.CenterX - a.CenterX, b.CenterY - a.CenterY);
        var length = (dx * dx) + (dy * dy);
        if (length <= 0) return Truth.Unknown;
        var (px, py) = (box.CenterX - a.CenterX, box.CenterY - a.CenterY);
        var along = ((px * dx) + (py * dy)) / length;
        var across = Math.Abs((px * dy) - (py * dx)) / length;
        var fromMiddle = Math.Abs(along - 0.5);
        if (fromMiddle >= 0.43 || across >= 0.52) return Truth.No;
        return fromMiddle <= 0.27 && across <= 0.28 ? Truth.Yes : Truth.Unknown;
    }
}
