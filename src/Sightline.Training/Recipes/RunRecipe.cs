namespace Sightline.Training.Recipes;

/// <summary>What all recipes have in common, whatever they train: a name, a seed, a folder and stages.</summary>
public abstract record RunRecipe
{
    /// <summary>Name of the run; its folder is <c>runs/NAME</c> unless <see cref="Output"/> says otherwise.</summary>
    public required string Name { get; set; }

    /// <summary>Seed of everything that is drawn at random.</summary>
    public ulong Seed { get; set; } = 1;

    /// <summary>Folder of the run, relative to the current folder. Null: <c>runs/NAME</c>.</summary>
    public string? Output { get; set; }

    /// <summary>The stages in order, in short.</summary>
    public abstract IReadOnlyList<StageSummary> Course();

    /// <summary>The recipe as it was understood, all defaults written out.</summary>
    public abstract string ToJson();

    /// <summary>Without what two calls for one and the same run may say differently.</summary>
    internal abstract RunRecipe Comparable();

    /// <summary>A stored recipe with what a wanted one may say otherwise when a run goes on.</summary>
    internal virtual RunRecipe GoingOnAs(RunRecipe wanted) => this;
}

/// <summary>A stage in short.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Steps">Its steps.</param>
public readonly record struct StageSummary(string Kind, int Steps);
