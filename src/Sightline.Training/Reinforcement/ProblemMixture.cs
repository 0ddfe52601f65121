using Sightline.Geometry;
using Sightline.Tensors;
using Sightline.Training.Data;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Reinforcement;

/// <summary>Problems of several sources in fixed proportions, each source in shuffled passes.</summary>
internal sealed class ProblemMixture
{
    private readonly IReadOnlyList<IProblemSource> _sources;
    private readonly ShuffledEpochs[] _orders;
    private readonly MixtureCycle _cycle;

    public ProblemMixture(IReadOnlyList<(IProblemSource Source, double Weight)> sources, ulong seed)
    {
        _sources = [.. sources.Select(source => source.Source)];
        _orders = [.. _sources.Select(source => new ShuffledEpochs(source.Count, new RandomStream(seed).Fork(source.Name)))];
        _cycle = new MixtureCycle([.. sources.Select(source => source.Weight)]);
    }

    /// <summary>Problem number k of the endless sequence, with the name of its source.</summary>
    public (string Source, Problem Problem) Get(long k)
    {
        var (source, index) = _cycle.At(k);
        return (_sources[source].Name, _sources[source].Get(_orders[source][index]));
    }

    /// <summary>Opens the problems of a source.</summary>
    /// <param name="recipe">The source.</param>
    /// <param name="seed">Of the run: decides which scenes are generated.</param>
    /// <param name="modelType">The model's type, which chooses prompts.</param>
    /// <param name="frame">The coordinates that the model speaks about a picture of a width and height; called when a problem is made.</param>
    /// <exception cref="SightlineException">The source's name and what is wrong with it.</exception>
    public static IProblemSource Open(ProblemSourceRecipe recipe, ulong seed, string modelType, Func<int, int, CoordinateFrame> frame)
    {
        try
        {
            var source = recipe.Scenes is { } scenes ? new SceneProblems(recipe.Name, scenes, seed, Asking(scenes, modelType, frame))
                : recipe.Pictures is { } pictures ? new PictureProblems(recipe.Name, pictures, Asking(pictures, modelType, frame))
                : (IProblemSource)ProblemSet.Open(recipe.Problems!, recipe.Split);
            return new Part(recipe.Name, source, recipe.Count);
        }
        catch (SightlineException error) when (!error.Message.StartsWith($"source '{recipe.Name}'", StringComparison.Ordinal))
        {
            throw new SightlineException(error.Kind, $"source '{recipe.Name}': {error.Message}", error);
        }
    }

    private static PhraseProblems Asking(PhraseProblemRecipe recipe, string modelType, Func<int, int, CoordinateFrame> frame) => new(recipe.Prompt, modelType, frame, recipe.Step);

    /// <summary>The first problems of a source, under the recipe's name.</summary>
    private sealed class Part(string name, IProblemSource source, int count) : IProblemSource, IFingerprinted
    {
        public string Name => name;

        public int Count { get; } = count == 0 ? source.Count : Math.Min(count, source.Count);

        public string? Fingerprint => (source as IFingerprinted)?.Fingerprint;

        public int BoxesOutside => (source as IFingerprinted)?.BoxesOutside ?? 0;

        public Problem Get(int index) => source.Get(index);

        public Problem? Find(string id) => source.Find(id);
    }
}
