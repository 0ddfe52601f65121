using Sightline.Grounding;
using Sightline.Models.Fusion;
using Sightline.Training.Expressions;
using Sightline.Training.Recipes;
using Sightline.Training.Scenes;

namespace Sightline.Training.Grounding;

/// <summary>Generated scenes.</summary>
public sealed class SceneSource : ISampleSource
{
    private readonly SceneGenerator _generator;
    private readonly FusionProcessor _processor;

    /// <summary>Scenes as a recipe says; the seed of the run and that of the recipe together decide which.</summary>
    public SceneSource(string name, SceneRecipe recipe, ulong seed, FusionProcessor processor, bool endless)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        Name = name;
        Count = endless ? null : recipe.Count;
        _processor = processor;
        _generator = new SceneGenerator(Options(recipe), (seed * 1_000_003) + recipe.Seed);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int? Count { get; }

    /// <inheritdoc/>
    public TrainingSample Get(long index) => TrainingSample.From($"{Name} #{index}", Scene(index), _processor);

    /// <summary>A scene before it is put on a canvas.</summary>
    public GroundedPicture Scene(long index) => _generator.Generate(index);

    /// <summary>The generator's options for a recipe.</summary>
    public static SceneOptions Options(SceneRecipe recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        return new SceneOptions
        {
            MinimumSide = recipe.MinimumSide,
            MaximumSide = recipe.MaximumSide,
            MinimumObjects = recipe.MinimumObjects,
            MaximumObjects = recipe.MaximumObjects,
            PhrasesPerScene = recipe.Phrases,
            ShowHeldOut = recipe.ShowHeldOut,
            HeldOut = Pairs(recipe.HeldOut),
            Mix = recipe.AttributesOnly
                ? new ExpressionMix { Class = 1, Attribute = 3, Position = 0, Superlative = 0, Ordinal = 0, Count = 0, Relation = 0, Absent = 0 }
                : new ExpressionMix(),
        };
    }

    /// <summary>Colour-and-shape pairs as recipes write them.</summary>
    internal static HashSet<(string Color, string Shape)> Pairs(IReadOnlyList<string> texts) => [.. texts.Select(Pair)];

    private static (string Color, string Shape) Pair(string text)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 2
            ? (words[0], words[1])
            : throw new SightlineException(ErrorKind.BadRecipe, $"held_out lists '{text}'; each entry is a colour and a shape, such as \"red star\"");
    }
}
