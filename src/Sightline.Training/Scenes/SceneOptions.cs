using Sightline.Training.Expressions;

namespace Sightline.Training.Scenes;

/// <summary>What generated scenes are made of. Scenes depend on these options, the seed and the index, on nothing else.</summary>
public sealed record SceneOptions
{
    /// <summary>Every shape the generator can draw.</summary>
    public static IReadOnlyList<string> AllShapes { get; } = [.. Outline.All.Keys];

    /// <summary>Every colour the generator knows.</summary>
    public static IReadOnlyList<string> AllColors { get; } = [.. Palette.All.Keys];

    /// <summary>Every texture the generator can draw.</summary>
    public static IReadOnlyList<string> AllTextures { get; } = ["plain", "striped", "dotted", "checkered"];

    /// <summary>Smallest side of a picture in pixels, also the side where <see cref="MaximumSide"/> is the same.</summary>
    public int MinimumSide { get; init; } = 128;

    /// <summary>Largest side of a picture in pixels; width and height are drawn on their own, in multiples of 16.</summary>
    public int MaximumSide { get; init; } = 192;

    public int MinimumObjects { get; init; } = 2;

    public int MaximumObjects { get; init; } = 7;

    /// <summary>Up to this many phrases a scene.</summary>
    public int PhrasesPerScene { get; init; } = 6;

    public IReadOnlyList<string> Shapes { get; init; } = AllShapes;

    public IReadOnlyList<string> Colors { get; init; } = AllColors;

    public IReadOnlyList<string> Textures { get; init; } = AllTextures;

    /// <summary>The share of objects that are plain; the others share the remaining textures.</summary>
    public double PlainShare { get; init; } = 0.55;

    /// <summary>The share of scenes that repeat a shape or a colour on purpose, so that one word is not enough.</summary>
    public double DistractorShare { get; init; } = 0.7;

    /// <summary>Largest share of the smaller of two boxes that the other may cover (mild occlusion); 0 keeps boxes apart.</summary>
    public double MaximumOverlap { get; init; } = 0.12;

    /// <summary>Radius of "small" objects as a share of the shorter side: from, to.</summary>
    public (double From, double To) SmallRadius { get; init; } = (0.07, 0.1);

    /// <summary>Radius of "large" objects as a share of the shorter side: from, to. The gap to small is what makes the words clear.</summary>
    public (double From, double To) LargeRadius { get; init; } = (0.145, 0.2);

    /// <summary>
    /// Pairs of colour and shape kept for a zero-shot test: no scene shows them and no phrase names them, unless
    /// <see cref="ShowHeldOut"/> turns that round.
    /// </summary>
    public IReadOnlySet<(string Color, string Shape)> HeldOut { get; init; } = new HashSet<(string, string)>();

    /// <summary>True for the zero-shot test itself: every scene shows at least one held-out pair, and each phrase means one.</summary>
    public bool ShowHeldOut { get; init; }

    /// <summary>How often each kind of phrase is made.</summary>
    public ExpressionMix Mix { get; init; } = new();

    /// <summary>How clear an answer must be.</summary>
    public ExpressionMargins Margins { get; init; } = new();
}
