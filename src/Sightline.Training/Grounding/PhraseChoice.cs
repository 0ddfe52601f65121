using Sightline.Tensors;
using Sightline.Training.Recipes;

namespace Sightline.Training.Grounding;

/// <summary>Draws the phrases of a sample that take part in a step.</summary>
internal static class PhraseChoice
{
    /// <summary>
    /// How many phrases a sample may have this time: the most that a stage allows, but one to three for a share of the samples, because patches see all phrases of
    /// a picture and applications ask one.
    /// </summary>
    public static int Most(StageRecipe stage, RandomStream random) =>
        stage.Kind == StageKind.Boxes && random.NextDouble() < stage.FewPhrases ? Math.Min(1 + random.NextInt(3), stage.MaximumPhrases) : stage.MaximumPhrases;

    /// <summary>
    /// At most <paramref name="most"/> phrases, in their order. Of a box stage, those that mean something come first and up to
    /// a quarter (rounded up or down by chance) is kept for phrases that mean nothing here, so that many absent classes do not crowd out the objects; of a
    /// contrastive stage, those that it can use.
    /// </summary>
    public static TrainingSample Limit(StageKind kind, TrainingSample sample, int most, RandomStream random)
    {
        if (sample.Phrases.Length <= most) return sample;
        var order = Enumerable.Range(0, sample.Phrases.Length).ToArray();
        random.Shuffle(order.AsSpan());
        var first = order.Where(p => kind == StageKind.Contrastive ? IsUsable(sample, p) : sample.Targets[p].Length > 0).ToList();
        var rest = order.Except(first).ToList();
        var kept = Math.Min(first.Count, most - (kind == StageKind.Contrastive ? 0 : Math.Min(rest.Count, (int)((most / 4.0) + random.NextDouble()))));
        int[] chosen = [.. first.Take(kept), .. rest.Take(most - kept)];
        Array.Sort(chosen);
        return sample with
        {
            Phrases = [.. chosen.Select(p => sample.Phrases[p])],
            Targets = [.. chosen.Select(p => sample.Targets[p])],
            PositionSensitive = [.. chosen.Select(p => sample.PositionSensitive[p])],
        };
    }

    /// <summary>True when a sample can take part in a stage: a contrastive one needs a phrase for a single object.</summary>
    public static bool Serves(StageKind kind, TrainingSample sample) =>
        sample.Phrases.Length > 0 && (kind != StageKind.Contrastive || Enumerable.Range(0, sample.Phrases.Length).Any(p => IsUsable(sample, p)));

    private static bool IsUsable(TrainingSample sample, int p) => !sample.PositionSensitive[p] && sample.Targets[p].Length > 0;
}
