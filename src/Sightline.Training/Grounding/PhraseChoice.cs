using Sightline.Tensors;
using Sightline.Training.Recipes;

namespace Sightline.Training.Grounding;

/// <summary>Draws the phrases of a sample that take part in a step.</summary>
internal static class PhraseChoice
{
    /// <summary>
    /// At most <paramref name="most"/> phrases, drawn without order changing. A sample that means nothing at all is kept: it
    /// teaches "nothing here".
    /// </summary>
    public static TrainingSample Limit(TrainingSample sample, int most, RandomStream random)
    {
        if (sample.Phrases.Length <= most) return sample;
        var order = Enumerable.Range(0, sample.Phrases.Length).ToArray();
        random.Shuffle(order.AsSpan());
        var chosen = order[..most];
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
        sample.Phrases.Length > 0 && (kind != StageKind.Contrastive || sample.Phrases.Where((_, p) => !sample.PositionSensitive[p] && sample.Targets[p].Length > 0).Any());
}
