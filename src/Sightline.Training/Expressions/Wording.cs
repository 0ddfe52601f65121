using Sightline.Tensors;

namespace Sightline.Training.Expressions;

/// <summary>Puts a <see cref="Meaning"/> into English: one of several wordings, drawn from a <see cref="RandomStream"/>.</summary>
/// <param name="names">The words for labels.</param>
/// <param name="anyObject">Words for "any object" (singular), used when a selector names no class.</param>
public sealed class Wording(ClassNames names, IReadOnlyList<string> anyObject)
{
    private static readonly string[] Numbers = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    private static readonly string[] Ordinals = ["", "first", "second", "third", "fourth", "fifth", "sixth"];

    /// <summary>The phrase of a meaning with the given number of targets (0 for one that matches nothing, worded in the singular).</summary>
    public string Say(Meaning meaning, int targets, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var many = targets > 1;
        return meaning switch
        {
            EveryMeaning m => Every(m.Of, many, random),
            CountMeaning m => Count(m, random),
            RegionMeaning m => $"{The(random)}{Noun(m.Of, many, random)} {random.Choose(RegionWords(m.Region))}",
            RankMeaning m => Rank(m, random),
            RelationMeaning m => $"{The(random)}{Noun(m.Of, many, random)} {random.Choose(RelationWords(m.Relation))} {Anchor(m.Anchor, random)}",
            DistanceMeaning m => $"{The(random)}{Noun(m.Of, false, random)} {random.Choose(DistanceWords(m.Farthest))} {Anchor(m.Anchor, random)}",
            BetweenMeaning m => $"{The(random)}{Noun(m.Of, many, random)} {random.Choose(BetweenWords)} {Anchor(m.First, random)} and {Anchor(m.Second, random)}",
            _ => throw new ArgumentException($"no wording for {meaning?.GetType().Name}"),
        };
    }

    private static readonly string[] BetweenWords = ["between", "in between"];

    // an article most of the time: people who type a query often leave it out
    private static string The(RandomStream random) => random.NextBool(0.75) ? "the " : "";

    private string Anchor(Meaning anchor, RandomStream random) => anchor switch
    {
        EveryMeaning m => "the " + Noun(m.Of, false, random),
        RankMeaning m => "the " + Rank(m, random, article: false),
        _ => Say(anchor, 1, random),
    };

    private string Every(Selector of, bool many, RandomStream random)
    {
        if (!many) return The(random) + Noun(of, false, random);
        return random.NextInt(6) switch
        {
            0 => "all " + Noun(of, true, random),
            1 => "every " + Noun(of, false, random),
            2 => "all the " + Noun(of, true, random),
            3 => Noun(of, true, random),
            4 => Noun(of, false, random),
            _ => "the " + Noun(of, true, random),
        };
    }

    private string Count(CountMeaning m, RandomStream random)
    {
        var noun = Noun(m.Of, m.Count > 1, random);
        if (m.Count == 1) return "the only " + noun;
        if (m.Count == 2 && random.NextBool(0.4)) return (random.NextBool() ? "both " : "the pair of ") + noun;
        var number = m.Count < Numbers.Length ? Numbers[m.Count] : m.Count.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return random.NextInt(3) switch
        {
            0 => $"all {number} {noun}",
            1 => $"{number} {noun}",
            _ => $"the {number} {noun}",
        };
    }

    private string Rank(RankMeaning m, RandomStream random, bool article = true)
    {
        var the = article ? The(random) : "";
        var noun = Noun(m.Of, false, random);
        if (m.Rank == 1)
        {
            return random.NextInt(3) == 0 && m.Order <= Order.FromBottom
                ? $"{the}{noun} {random.Choose(FarWords(m.Order))}"
                : $"{the}{random.Choose(SuperlativeWords(m.Order))} {noun}";
        }

        var ordinal = Ordinals[m.Rank];
        return m.Order switch
        {
            Order.Largest or Order.Smallest => $"{the}{ordinal} {random.Choose(SuperlativeWords(m.Order))} {noun}",
            _ => $"{the}{ordinal} {noun} from the {From(m.Order)}",
        };
    }

    private static string From(Order order) => order switch
    {
        Order.FromLeft => "left",
        Order.FromRight => "right",
        Order.FromTop => "top",
        _ => "bottom",
    };

    private static string[] SuperlativeWords(Order order) => order switch
    {
        Order.FromLeft => ["leftmost"],
        Order.FromRight => ["rightmost"],
        Order.FromTop => ["topmost", "highest", "uppermost"],
        Order.FromBottom => ["bottommost", "lowest", "lowermost"],
        Order.Largest => ["largest", "biggest"],
        _ => ["smallest", "tiniest"],
    };

    private static string[] FarWords(Order order) => order switch
    {
        Order.FromLeft => ["farthest to the left", "furthest left", "on the far left"],
        Order.FromRight => ["farthest to the right", "furthest right", "on the far right"],
        Order.FromTop => ["nearest to the top", "closest to the top"],
        _ => ["nearest to the bottom", "closest to the bottom"],
    };

    private static string[] RegionWords(Region region) => region switch
    {
        Region.Left => ["on the left", "on the left side", "in the left half"],
        Region.Right => ["on the right", "on the right side", "in the right half"],
        Region.Top => ["at the top", "in the upper half", "in the top half"],
        Region.Bottom => ["at the bottom", "in the lower half", "in the bottom half"],
        Region.TopLeft => ["at the top left", "in the upper left", "in the top left"],
        Region.TopRight => ["at the top right", "in the upper right", "in the top right"],
        Region.BottomLeft => ["at the bottom left", "in the lower left", "in the bottom left"],
        Region.BottomRight => ["at the bottom right", "in the lower right", "in the bottom right"],
        _ => ["in the middle", "in the center", "in the centre"],
    };

    private static string[] RelationWords(Relation relation) => relation switch
    {
        Relation.LeftOf => ["left of", "to the left of", "on the left of"],
        Relation.RightOf => ["right of", "to the right of", "on the right of"],
        Relation.Above => ["above", "higher than"],
        Relation.Below => ["below", "under", "beneath", "lower than"],
        Relation.LargerThan => ["larger than", "bigger than"],
        _ => ["smaller than"],
    };

    private static string[] DistanceWords(bool farthest) => farthest ? ["farthest from", "furthest from"] : ["nearest to", "closest to", "nearest"];

    private static readonly string[] SmallWords = ["small", "small", "little", "tiny"];
    private static readonly string[] LargeWords = ["large", "large", "big"];

    /// <summary>A noun phrase without article: "small striped red circle", "red circles with stripes".</summary>
    private string Noun(Selector of, bool many, RandomStream random)
    {
        var noun = of.Label is null ? AnyObject(many, random) : random.Choose(many ? names[of.Label].Many : names[of.Label].One);
        var size = of.Size switch
        {
            null => "",
            "small" => random.Choose(SmallWords) + " ",
            "large" => random.Choose(LargeWords) + " ",
            var other => other + " ",
        };
        var color = of.Color is null ? "" : of.Color + " ";
        if (of.Texture is null) return size + color + noun;
        if (random.NextInt(4) == 0 && TextureNoun(of.Texture) is { } pattern) return $"{size}{color}{noun} with {pattern}";
        var texture = random.Choose(TextureWords(of.Texture)) + " ";
        return random.NextInt(4) == 0 ? size + color + texture + noun : size + texture + color + noun;
    }

    private string AnyObject(bool many, RandomStream random)
    {
        var word = anyObject.Count == 0 ? "object" : random.Choose(anyObject);
        return many ? ClassNames.Plural(word) : word;
    }

    private static string? TextureNoun(string texture) => texture switch
    {
        "striped" => "stripes",
        "dotted" => "dots",
        "checkered" => "checks",
        _ => null,
    };

    private static string[] TextureWords(string texture) => texture switch
    {
        "dotted" => ["dotted", "spotted"],
        "checkered" => ["checkered", "chequered"],
        "plain" => ["plain", "solid"],
        _ => [texture],
    };
}
