using Sightline.Tensors;

namespace Sightline.Training.Expressions;

/// <summary>
/// Makes referring expressions from boxes alone. A candidate is drawn as a <see cref="Meaning"/> about a random object,
/// solved in three values (<see cref="MeaningSolver"/>), kept only when its answer is clear, and then put into words. So
/// each phrase is unambiguous by construction. The same objects and the same random state give the same phrases.
/// </summary>
public sealed class ExpressionGenerator
{
    private static readonly ExpressionKind[] Kinds = Enum.GetValues<ExpressionKind>();
    private static readonly Order[] Directions = [Order.FromLeft, Order.FromRight, Order.FromTop, Order.FromBottom];
    private readonly ExpressionOptions _options;
    private readonly MeaningSolver _solver;
    private readonly Wording _wording;

    /// <summary>A generator with the words of a data set.</summary>
    public ExpressionGenerator(ClassNames names, ExpressionOptions? options = null)
    {
        _options = options ?? new ExpressionOptions();
        _solver = new MeaningSolver(_options.Margins);
        _wording = new Wording(names, _options.AnyObject);
    }

    /// <summary>Up to <paramref name="count"/> different phrases about a picture; fewer where the picture allows no more.</summary>
    /// <param name="objects">The picture's objects, boxes in one frame.</param>
    /// <param name="count">The number of phrases wanted.</param>
    /// <param name="random">The source of every choice; it is advanced.</param>
    public IReadOnlyList<Expression> Generate(IReadOnlyList<DescribedObject> objects, int count, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(objects);
        ArgumentNullException.ThrowIfNull(random);
        var made = new List<Expression>(count);
        Span<double> weights = stackalloc double[Kinds.Length];
        for (var i = 0; i < Kinds.Length; i++) weights[i] = Math.Max(0, _options.Mix[Kinds[i]]);
        for (var failures = 0; made.Count < count && failures < 2 * Kinds.Length;)
        {
            var kind = Draw(weights, random);
            if (kind < 0) break;
            if (TryMake(Kinds[kind], objects, made, random) is { } expression)
            {
                made.Add(expression);
                continue;
            }

            // a kind that found nothing new in all its attempts is unlikely to do so later in the same picture
            weights[kind] *= 0.25;
            failures++;
        }

        return made;
    }

    /// <summary>One expression of the kind, or null when none was found in the attempts allowed.</summary>
    public Expression? TryMake(ExpressionKind kind, IReadOnlyList<DescribedObject> objects, IReadOnlyList<Expression> made, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(made);
        for (var attempt = 0; attempt < _options.Attempts; attempt++)
        {
            var meaning = kind == ExpressionKind.Absent ? DrawAbsent(objects, random) : DrawPresent(kind, objects, random);
            if (meaning is null || IsHeldOut(meaning)) continue;
            var targets = _solver.Solve(meaning, objects);
            if (targets is null || targets.Length > _options.MaximumTargets || targets.Length == 0 != (kind == ExpressionKind.Absent)) continue;
            if (!IsNatural(meaning, targets.Length, objects)) continue;
            var phrase = _wording.Say(meaning, targets.Length, random);
            if (!made.Any(e => e.Meaning == meaning || e.Phrase == phrase)) return new Expression(phrase, meaning, kind, targets);
        }

        return null;
    }

    private static int Draw(ReadOnlySpan<double> weights, RandomStream random)
    {
        var total = 0.0;
        foreach (var w in weights) total += w;
        if (total <= 0) return -1;
        var at = random.NextDouble() * total;
        for (var i = 0; i < weights.Length; i++)
        {
            at -= weights[i];
            if (at < 0) return i;
        }

        return weights.Length - 1;
    }

    private Meaning? DrawPresent(ExpressionKind kind, IReadOnlyList<DescribedObject> objects, RandomStream random)
    {
        if (objects.Count == 0) return null;
        var target = random.Choose(objects);
        return kind switch
        {
            ExpressionKind.Class => new EveryMeaning(new Selector(target.Label)),
            ExpressionKind.Attribute => DrawSelector(target, random, attribute: true) is { HasAttribute: true } of ? new EveryMeaning(of) : null,
            ExpressionKind.Position => new RegionMeaning(DrawSelector(target, random), (Region)random.NextInt(9)),
            ExpressionKind.Superlative => new RankMeaning(DrawSelector(target, random), (Order)random.NextInt(6), 1),
            ExpressionKind.Ordinal => DrawOrdinal(target, random),
            ExpressionKind.Count => DrawCount(target, objects, random),
            _ => DrawRelation(target, objects, random),
        };
    }

    private RankMeaning DrawOrdinal(DescribedObject target, RandomStream random)
    {
        var order = random.NextInt(5) == 0 ? (random.NextBool() ? Order.Largest : Order.Smallest) : random.Choose(Directions);
        var rank = 2 + (random.NextBool(0.3) ? 1 : 0);
        return new RankMeaning(DrawSelector(target, random), order, rank);
    }

    private CountMeaning? DrawCount(DescribedObject target, IReadOnlyList<DescribedObject> objects, RandomStream random)
    {
        var of = DrawSelector(target, random);
        return _solver.Solve(new EveryMeaning(of), objects) is { Length: >= 2 and <= 6 } all ? new CountMeaning(of, all.Length) : null;
    }

    private Meaning? DrawRelation(DescribedObject target, IReadOnlyList<DescribedObject> objects, RandomStream random)
    {
        var of = DrawSelector(target, random);
        if (DrawAnchor(target, of, objects, random) is not { } anchor) return null;
        switch (random.NextInt(10))
        {
            case 0 or 1:
                return new DistanceMeaning(of, random.NextInt(4) == 0, anchor);
            case 2 or 3:
                return DrawAnchor(target, of, objects, random) is { } second ? new BetweenMeaning(of, anchor, second) : null;
            default:
                return new RelationMeaning(of, (Relation)random.NextInt(6), anchor);
        }
    }

    /// <summary>A short description of one other object, or null when the one drawn cannot be named.</summary>
    private Meaning? DrawAnchor(DescribedObject target, Selector of, IReadOnlyList<DescribedObject> objects, RandomStream random)
    {
        var other = random.Choose(objects);
        if (ReferenceEquals(other, target)) return null;
        var selector = DrawSelector(other, random);
        if (selector == of) return null;
        if (_solver.Solve(new EveryMeaning(selector), objects) is [_]) return new EveryMeaning(selector);
        // several of that kind: "the platelet left of the largest red blood cell"
        return random.NextInt(3) == 0 ? new RankMeaning(selector, (Order)random.NextInt(6), 1) : null;
    }

    /// <summary>A selector that the object meets, with a random part of what is known of it.</summary>
    private Selector DrawSelector(DescribedObject o, RandomStream random, bool attribute = false)
    {
        var parts = random.NextInt(attribute ? 1 : 0, 8);
        var (color, texture, size) = ((parts & 1) != 0 ? o.Color : null, (parts & 2) != 0 ? o.Texture : null, (parts & 4) != 0 ? o.Size : null);
        // short descriptions are the usual ones: a second attribute only sometimes
        if (color is not null && random.NextBool(0.6)) (texture, size) = (null, null);
        else if (texture is not null && random.NextBool(0.6)) size = null;
        var label = _options.AnyObject.Count > 0 && random.NextInt(4) == 0 ? null : o.Label;
        return new Selector(label, color, texture, size);
    }

    private Meaning? DrawAbsent(IReadOnlyList<DescribedObject> objects, RandomStream random)
    {
        if (objects.Count == 0) return DrawAbsentSelector(null, random);
        var near = random.Choose(objects);
        return random.NextInt(3) switch
        {
            0 => DrawRelation(near, objects, random),
            1 => DrawRegionOfOther(near, random),
            _ => DrawAbsentSelector(near, random),
        };
    }

    private RegionMeaning DrawRegionOfOther(DescribedObject near, RandomStream random) =>
        new(DrawSelector(near, random), (Region)random.NextInt(4));

    /// <summary>An object that is one change away from one that is there, so that every word counts: "the blue circle" beside a red one.</summary>
    private EveryMeaning? DrawAbsentSelector(DescribedObject? near, RandomStream random)
    {
        if (near is null || random.NextInt(3) == 0)
        {
            if (_options.Labels.Count == 0) return null;
            var color = _options.Colors.Count > 0 && random.NextBool() ? random.Choose(_options.Colors) : null;
            return new EveryMeaning(new Selector(random.Choose(_options.Labels), color));
        }

        return random.NextInt(3) switch
        {
            0 when _options.Colors.Count > 0 && near.Color is not null => new(new Selector(near.Label, random.Choose(_options.Colors))),
            1 when _options.Textures.Count > 0 && near.Texture is not null => new(new Selector(near.Label, near.Color, random.Choose(_options.Textures))),
            _ when _options.Labels.Count > 0 => new(new Selector(random.Choose(_options.Labels), near.Color)),
            _ => null,
        };
    }

    /// <summary>Refuses what nobody would say: "the largest circle" where there is one circle, "the shapes" for a single one.</summary>
    private bool IsNatural(Meaning meaning, int targets, IReadOnlyList<DescribedObject> objects) => meaning switch
    {
        EveryMeaning { Of: { Label: null, HasAttribute: false } } => false,
        RankMeaning or DistanceMeaning when targets > 0 => Candidates(meaning.Of, objects) >= 2,
        // "the large shape larger than ..." says the same thing twice
        RelationMeaning { Relation: Relation.LargerThan or Relation.SmallerThan } m => m.Of.Size is null,
        _ => true,
    };

    private static int Candidates(Selector of, IReadOnlyList<DescribedObject> objects)
    {
        var count = 0;
        foreach (var o in objects)
        {
            if ((of.Label ?? o.Label) == o.Label && (of.Color is null || of.Color == o.Color) && (of.Texture is null || of.Texture == o.Texture)
                && (of.Size is null || of.Size == o.Size)) count++;
        }

        return count;
    }

    private bool IsHeldOut(Meaning meaning) => meaning switch
    {
        _ when _options.HeldOut.Count == 0 => false,
        _ when IsHeldOut(meaning.Of) => true,
        RelationMeaning m => IsHeldOut(m.Anchor),
        DistanceMeaning m => IsHeldOut(m.Anchor),
        BetweenMeaning m => IsHeldOut(m.First) || IsHeldOut(m.Second),
        _ => false,
    };

    private bool IsHeldOut(Selector of) => of is { Color: { } color, Label: { } label } && _options.HeldOut.Contains((color, label));
}
