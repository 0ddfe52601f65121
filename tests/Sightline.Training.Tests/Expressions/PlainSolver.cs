using Sightline.Geometry;
using Sightline.Training.Expressions;

namespace Sightline.Training.Tests.Expressions;

/// <summary>
/// A second, two-valued solver that shares nothing with the one under test: every word in its simplest reading, on box
/// centres, without margins. Where a phrase is made, both must agree, also after the boxes have moved a little.
/// </summary>
internal static class PlainSolver
{
    public static int[] Solve(Meaning meaning, IReadOnlyList<DescribedObject> objects)
    {
        var all = Enumerable.Range(0, objects.Count).Where(i => Is(objects[i], meaning.Of)).ToList();
        Box B(int i) => objects[i].Box;
        switch (meaning)
        {
            case EveryMeaning:
                return [.. all];
            case CountMeaning m:
                return all.Count == m.Count ? [.. all] : [];
            case RegionMeaning m:
                return [.. all.Where(i => In(B(i), m.Region))];
            case RankMeaning m:
                var sorted = m.Order switch
                {
                    Order.FromLeft => all.OrderBy(i => B(i).CenterX),
                    Order.FromRight => all.OrderByDescending(i => B(i).CenterX),
                    Order.FromTop => all.OrderBy(i => B(i).CenterY),
                    Order.FromBottom => all.OrderByDescending(i => B(i).CenterY),
                    Order.Largest => all.OrderByDescending(i => B(i).Area),
                    _ => all.OrderBy(i => B(i).Area),
                };
                return [.. sorted.Skip(m.Rank - 1).Take(1)];
            case RelationMeaning m:
                var anchor = Solve(m.Anchor, objects).Single();
                return [.. all.Where(i => i != anchor && Stands(B(i), m.Relation, B(anchor)))];
            case DistanceMeaning m:
                var to = Solve(m.Anchor, objects).Single();
                var byDistance = all.Where(i => i != to).OrderBy(i => Distance(B(i), B(to))).ToList();
                return m.Farthest ? [byDistance[^1]] : [byDistance[0]];
            case BetweenMeaning m:
                var (a, b) = (Solve(m.First, objects).Single(), Solve(m.Second, objects).Single());
                return [.. all.Where(i => i != a && i != b && Between(B(i), B(a), B(b)))];
            default:
                throw new InvalidOperationException(meaning.ToString());
        }
    }

    private static bool Is(DescribedObject o, Selector s) =>
        (s.Label ?? o.Label) == o.Label && (s.Color is null || s.Color == o.Color) && (s.Texture is null || s.Texture == o.Texture) && (s.Size is null || s.Size == o.Size);

    private static bool In(Box b, Region region)
    {
        var (x, y) = (b.CenterX / b.Frame.Width, b.CenterY / b.Frame.Height);
        return region switch
        {
            Region.Left => x < 0.5,
            Region.Right => x > 0.5,
            Region.Top => y < 0.5,
            Region.Bottom => y > 0.5,
            Region.TopLeft => x < 0.5 && y < 0.5,
            Region.TopRight => x > 0.5 && y < 0.5,
            Region.BottomLeft => x < 0.5 && y > 0.5,
            Region.BottomRight => x > 0.5 && y > 0.5,
            _ => x > 1 / 3.0 && x < 2 / 3.0 && y > 1 / 3.0 && y < 2 / 3.0,
        };
    }

    private static bool Stands(Box a, Relation relation, Box b) => relation switch
    {
        Relation.LeftOf => a.CenterX < b.CenterX,
        Relation.RightOf => a.CenterX > b.CenterX,
        Relation.Above => a.CenterY < b.CenterY,
        Relation.Below => a.CenterY > b.CenterY,
        Relation.LargerThan => a.Area > b.Area,
        _ => a.Area < b.Area,
    };

    private static double Distance(Box a, Box b) => Math.Sqrt(Math.Pow(a.CenterX - b.CenterX, 2) + Math.Pow(a.CenterY - b.CenterY, 2));

    // by angles and lengths instead of products: within 0.15..0.85 of the way and 0.4 of the way aside
    private static bool Between(Box box, Box a, Box b)
    {
        var whole = Distance(a, b);
        var angle = Math.Atan2(box.CenterY - a.CenterY, box.CenterX - a.CenterX) - Math.Atan2(b.CenterY - a.CenterY, b.CenterX - a.CenterX);
        var along = Distance(box, a) * Math.Cos(angle) / whole;
        var aside = Math.Abs(Distance(box, a) * Math.Sin(angle)) / whole;
        return along > 0.15 && along < 0.85 && aside < 0.4;
    }
}
