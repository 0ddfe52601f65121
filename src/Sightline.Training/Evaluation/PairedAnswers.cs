namespace Sightline.Training.Evaluation;

/// <summary>What paired tests over answers share.</summary>
internal static class PairedAnswers
{
    /// <summary>Two runs must have answered the same questions in the same order.</summary>
    /// <exception cref="SightlineException">BadData: they did not.</exception>
    public static void RequireSame(IReadOnlyList<(string Picture, string Question)> own, IReadOnlyList<(string Picture, string Question)> other)
    {
        for (var i = 0; i < Math.Max(own.Count, other.Count); i++)
        {
            if (i < own.Count && i < other.Count && own[i] == other[i]) continue;
            throw new SightlineException(ErrorKind.BadData, $"the two runs answered different questions: number {i + 1} is {Describe(own, i)} here and {Describe(other, i)} there; measure both on the same data");
        }

        static string Describe(IReadOnlyList<(string Picture, string Question)> list, int i) => i < list.Count ? $"'{list[i].Question}' about {list[i].Picture}" : "missing";
    }

    /// <summary>The number of each answer's picture: answers about one picture are drawn together.</summary>
    public static int[] Groups(IEnumerable<string> pictures)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        return [.. pictures.Select(picture => numbers.TryGetValue(picture, out var number) ? number : numbers[picture] = numbers.Count)];
    }
}
