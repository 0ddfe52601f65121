using Sightline.Grounding;
using Sightline.Training.Distributed;
using Sightline.Training.Evaluation;

namespace Sightline.Training.Grounding;

/// <summary>
/// What a finished model is worth: the saved folder is loaded as an application loads it, and asked about the whole pictures by
/// <see cref="DataSetEvaluator"/>, expressions one by one. These are the figures that <c>sightline evaluate</c> prints, with its intervals.
/// </summary>
internal static class FinalMeasurement
{
    /// <summary>Measures a model folder on validation sources.</summary>
    /// <param name="folder">The saved model.</param>
    /// <param name="sources">Validation sources.</param>
    /// <param name="seed">Of the run: it draws expressions and intervals, as <c>--seed</c> of <c>sightline evaluate</c> does.</param>
    /// <param name="ranks">The processes that share the pictures.</param>
    /// <param name="cancellation">Stops between two pictures.</param>
    public static IReadOnlyList<GroundingScore> Of(string folder, IReadOnlyList<ISampleSource> sources, ulong seed, Communicator ranks, CancellationToken cancellation)
    {
        using var grounder = Grounder.Load(folder);
        var evaluator = new DataSetEvaluator(grounder) { Ranks = ranks };
        return [.. sources.Select(source => source switch
        {
            PictureSource pictures => Measure(evaluator, pictures, seed, cancellation),
            SceneSource scenes => Measure(evaluator, scenes, seed, cancellation),
            _ => throw new ArgumentException($"the source '{source.Name}' has no pictures of its own to measure"),
        })];
    }

    private static GroundingScore Measure(DataSetEvaluator evaluator, PictureSource source, ulong seed, CancellationToken cancellation)
    {
        var bootstrap = new BootstrapOptions(Seed: seed);
        var detection = source.ClassPhrases.Count == 0 ? null : evaluator.DetectAsync(source.Data, source.Names, bootstrap, cancellation).GetAwaiter().GetResult().Score;
        var referring = source.HasExpressions ? evaluator.ReferAsync(source.Data, source.Names, source.GeneratedExpressions, seed, bootstrap, cancellation).GetAwaiter().GetResult() : null;
        return new GroundingScore { Source = source.Name, Detection = detection, Referring = referring, Presence = referring?.Presence };
    }

    private static GroundingScore Measure(DataSetEvaluator evaluator, SceneSource source, ulong seed, CancellationToken cancellation)
    {
        var referring = evaluator.ReferAsync(source.Count ?? 0, i => ($"{source.Name} #{i}", source.Scene(i)), new BootstrapOptions(Seed: seed), cancellation).GetAwaiter().GetResult();
        return new GroundingScore { Source = source.Name, Referring = referring, Presence = referring.Presence };
    }
}
