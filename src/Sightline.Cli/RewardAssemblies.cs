using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Sightline.Training.Recipes;
using Sightline.Training.Rewards;

namespace Sightline.Cli;

/// <summary>Rewards of the user's own: the classes of the assemblies that a recipe names.</summary>
internal static class RewardAssemblies
{
    private const string Reason = "The user's assembly is no part of the tool and so is never trimmed; the tool itself is precompiled, not trimmed (docs/decisions/0001). A library that trims adds rewards by RewardFunctions.Add.";

    /// <summary>Makes the rewards of all assemblies of some stages known.</summary>
    /// <exception cref="SightlineException">NotFound or BadRecipe: an assembly cannot be read, or has no such class.</exception>
    public static void Load(params IEnumerable<LanguageStageRecipe> stages)
    {
        foreach (var reward in stages.SelectMany(stage => stage.Rewards))
        {
            if (reward.Assembly is { } path) Load(reward.Name, path);
        }
    }

    /// <summary>Makes a reward of an assembly known.</summary>
    /// <exception cref="SightlineException">As there.</exception>
    public static void Load(string name, string path)
    {
        if (!File.Exists(path)) throw new SightlineException(ErrorKind.NotFound, $"the reward '{name}': there is no assembly at {Path.GetFullPath(path)}");
        try
        {
            var own = Make(path);
            RewardFunctions.Add(own.Find(known => known.Name == name)
                ?? throw new SightlineException(ErrorKind.BadRecipe, $"the reward '{name}': {path} has {(own.Count == 0 ? "no public class that is an IReward and needs no arguments" : $"only {string.Join(", ", own.Select(known => known.Name))}")}"));
        }
        catch (Exception error) when (error is BadImageFormatException or FileLoadException or FileNotFoundException or ReflectionTypeLoadException or TargetInvocationException)
        {
            throw new SightlineException(ErrorKind.BadRecipe, $"the reward '{name}': {path} cannot be used: {error.Message}", error);
        }
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Reason)]
    [UnconditionalSuppressMessage("Trimming", "IL2067", Justification = Reason)]
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = Reason)]
    private static List<IReward> Make(string path) =>
    [
        .. Assembly.LoadFrom(Path.GetFullPath(path)).GetExportedTypes()
            .Where(type => typeof(IReward).IsAssignableFrom(type) && !type.IsAbstract && type.GetConstructor(Type.EmptyTypes) is not null)
            .Select(type => (IReward)Activator.CreateInstance(type)!),
    ];
}
