using Sightline.Training.Expressions;
using Sightline.Training.Scenes;

namespace Sightline.Training.Recipes;

/// <summary>One source of problems: a file of them, generated scenes, or labelled pictures.</summary>
public sealed record ProblemSourceRecipe
{
    /// <summary>How the source is called in logs.</summary>
    public required string Name { get; set; }

    /// <summary>Share of the problems that it gives, relative to the other sources.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>The problems, in any format that <see cref="Data.ProblemSet.Open"/> reads.</summary>
    public string? Problems { get; set; }

    /// <summary>Generated scenes.</summary>
    public SceneProblemRecipe? Scenes { get; set; }

    /// <summary>Labelled pictures.</summary>
    public PictureProblemRecipe? Pictures { get; set; }

    /// <summary>Its split to use, where problems name splits.</summary>
    public string? Split { get; set; }

    /// <summary>Only so many of its problems, from the start; 0: all.</summary>
    public int Count { get; set; }
}

/// <summary>How phrases become questions and answers.</summary>
public abstract record PhraseProblemRecipe
{
    /// <summary>A prompt template for phrases; null: the model's own.</summary>
    public string? Prompt { get; set; }

    /// <summary>Coordinates in answers are rounded to multiples of this; what rewards compare with only to the whole unit.</summary>
    public int Step { get; set; } = 1;
}

/// <summary>Problems about generated scenes: phrases that mean one object by its looks.</summary>
public sealed record SceneProblemRecipe : PhraseProblemRecipe
{
    /// <summary>Smallest side in pixels.</summary>
    public int MinimumSide { get; set; } = 96;

    /// <summary>Largest side in pixels.</summary>
    public int MaximumSide { get; set; } = 144;

    /// <summary>Fewest objects.</summary>
    public int MinimumObjects { get; set; } = 1;

    /// <summary>Most objects.</summary>
    public int MaximumObjects { get; set; } = 4;

    /// <summary>Radius of objects that are called small, as shares of the shorter side: from, to.</summary>
    public IReadOnlyList<double> SmallRadius { get; set; } = [0.1, 0.13];

    /// <summary>Radius of objects that are called large.</summary>
    public IReadOnlyList<double> LargeRadius { get; set; } = [0.18, 0.25];

    /// <summary>Shapes; empty: all.</summary>
    public IReadOnlyList<string> Shapes { get; set; } = [];

    /// <summary>Colours; empty: all.</summary>
    public IReadOnlyList<string> Colors { get; set; } = [];

    /// <summary>Textures; empty: all.</summary>
    public IReadOnlyList<string> Textures { get; set; } = [];

    /// <summary>Colour-and-shape pairs ("red star") that never appear.</summary>
    public IReadOnlyList<string> HeldOut { get; set; } = [];

    /// <summary>Only scenes that show a held-out pair, and phrases that mean one.</summary>
    public bool ShowHeldOut { get; set; }

    /// <summary>Questions about one scene, in one conversation: a supervised stage learns all of their answers, and the picture is encoded once.</summary>
    public int Questions { get; set; } = 1;

    /// <summary>Scenes; a source that is trained on repeats them from there.</summary>
    public int Count { get; set; } = 1_000_000;

    /// <summary>Which scenes; validation takes another seed than training.</summary>
    public ulong Seed { get; set; }

    /// <summary>The generator's options.</summary>
    /// <param name="candidates">Phrases that are made for each that is asked.</param>
    internal SceneOptions ToOptions(int candidates) => new()
    {
        MinimumSide = MinimumSide,
        MaximumSide = MaximumSide,
        MinimumObjects = MinimumObjects,
        MaximumObjects = MaximumObjects,
        SmallRadius = (SmallRadius[0], SmallRadius[1]),
        LargeRadius = (LargeRadius[0], LargeRadius[1]),
        Shapes = Shapes.Count > 0 ? Shapes : SceneOptions.AllShapes,
        Colors = Colors.Count > 0 ? Colors : SceneOptions.AllColors,
        Textures = Textures.Count > 0 ? Textures : SceneOptions.AllTextures,
        HeldOut = Grounding.SceneSource.Pairs(HeldOut),
        ShowHeldOut = ShowHeldOut,
        PhrasesPerScene = candidates * Questions,
        Mix = new ExpressionMix { Class = 1, Attribute = 3, Position = 0, Superlative = 0, Ordinal = 0, Count = 0, Relation = 0, Absent = 0 },
    };
}

/// <summary>Problems about labelled pictures: the class as the phrase.</summary>
public sealed record PictureProblemRecipe : PhraseProblemRecipe
{
    /// <summary>The data set, in any readable format.</summary>
    public required string Path { get; set; }

    /// <summary>Its split to use, where the data set names splits.</summary>
    public string? Split { get; set; }

    /// <summary>Without named splits: every how-manieth block of neighbouring names is held out.</summary>
    public int HoldOutEvery { get; set; }

    /// <summary>Pictures in such a block; neighbours can be near-duplicates.</summary>
    public int HoldOutBlock { get; set; } = 12;

    /// <summary>Take the held-out blocks instead of the others.</summary>
    public bool HeldOutPart { get; set; }

    /// <summary>Classes that are asked for; empty: all.</summary>
    public IReadOnlyList<string> Labels { get; set; } = [];

    /// <summary>A JSON file with readable phrases for class names.</summary>
    public string? Phrases { get; set; }

    /// <summary>Pictures with more objects of the class are left out.</summary>
    public int MostBoxes { get; set; } = 1;
}
