using Sightline.Nn;

namespace Sightline.Quantization;

/// <summary>A layer as the budget sees it: what each format costs and how wrong its output is.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Count">Numbers.</param>
/// <param name="Steps">Formats from fewest bits to most, with bits a number and relative output error.</param>
internal sealed record BudgetedLayer(string Path, long Count, IReadOnlyList<(WeightFormat Format, double Bits, double Error)> Steps);

/// <summary>Spends a mean number of bits on the layers that gain most: each time the step that takes away most squared error a bit.</summary>
internal static class BitBudget
{
    /// <summary>The format of each layer.</summary>
    /// <exception cref="SightlineException">Usage: already the first steps are beyond the budget.</exception>
    public static Dictionary<string, WeightFormat> Spend(IReadOnlyList<BudgetedLayer> layers, double bits)
    {
        var at = new int[layers.Count];
        var limit = bits * layers.Sum(layer => (double)layer.Count);
        var spent = layers.Sum(layer => layer.Steps[0].Bits * layer.Count);
        if (spent > limit)
            throw new SightlineException(ErrorKind.Usage, FormattableString.Invariant($"the plan takes {spent / layers.Sum(layer => (double)layer.Count):0.00} bits a number already, more than the budget of {bits:0.00}: raise the budget or begin with int4"));
        while (Next() is { } step)
        {
            spent += Cost(step);
            at[step]++;
        }

        return layers.Select((layer, i) => (layer.Path, layer.Steps[at[i]].Format)).ToDictionary(pair => pair.Path, pair => pair.Format, StringComparer.Ordinal);

        double Cost(int i) => (layers[i].Steps[at[i] + 1].Bits - layers[i].Steps[at[i]].Bits) * layers[i].Count;

        double Gain(int i)
        {
            var (now, then) = (layers[i].Steps[at[i]].Error, layers[i].Steps[at[i] + 1].Error);
            return ((now * now) - (then * then)) / Cost(i);
        }

        int? Next() => Enumerable.Range(0, layers.Count)
            .Where(i => at[i] + 1 < layers[i].Steps.Count && spent + Cost(i) <= limit && Gain(i) > 0)
            .Select(i => (int?)i)
            .MaxBy(i => Gain(i!.Value));
    }
}
