using System.Text.RegularExpressions;

namespace Sightline.Training.Rewards.Upstream;

/// <summary>
/// The text rewards of VLM-R1 at commit 90052f478646 (<c>grpo_jsonl.py</c>). Broken JSON counts as plain text (json_repair is taken not to be there).
/// </summary>
internal static class VlmR1Text
{
    private const int WordsOfAGroup = 6;

    public static double AllMatch(RewardCase one) => Clean(one.Completion) == Clean(one.Solution) ? 1 : 0;

    public static double Repetition(RewardCase one)
    {
        var content = one.Completion;
        if (content.Length == 0) return 0;
        if (JsonIn(content) is { Length: > 0 } json && Load(json) is { Kind: PythonKind.List, Items.Count: > 0 } list)
        {
            var items = list.Items.Where(item => item.Contains("bbox_2d") && item.Contains("label")).Select(item => $"{item["bbox_2d"].Show()}_{item["label"].Show()}").ToList();
            return items.Count == 0 ? 0 : Repeated(items.Distinct().Count(), items.Count);
        }

        if (PythonText.Split(content).Count < WordsOfAGroup) return 0;
        var words = PythonText.Split(PythonText.Lower(content));
        var groups = new HashSet<string>(StringComparer.Ordinal);
        var total = words.Count - WordsOfAGroup + 1;
        for (var i = 0; i < total; i++) groups.Add(string.Join(' ', words.GetRange(i, WordsOfAGroup)));
        return Repeated(groups.Count, total);
    }

    /// <summary>The last answer in tags, or all, on one line, without a full stop at its end, in lower case.</summary>
    public static string Clean(string text)
    {
        text = PythonText.Last(VlmR1.Answer, text) ?? text;
        foreach (var end in (ReadOnlySpan<string>)["\n", "\r"])
        {
            text = Regex.Replace(text, "(?<=" + PythonText.Space + ")" + end, "");
            text = Regex.Replace(text, "(?<!" + PythonText.Space + ")" + end, " ");
        }

        return PythonText.Lower(PythonText.Strip(text).TrimEnd('.'));
    }

    private static double Repeated(int different, int total) => (1 - ((double)different / total)) * -1;

    private static string? JsonIn(string content)
    {
        if (PythonText.First(VlmR1Detection.JsonFence, content) is { } marked) return marked;
        if (PythonText.First(Fence, content) is { Length: > 0 } fenced) return fenced;
        return BoxList.Match(content) is { Success: true } match ? match.Value : null;
    }

    private static PythonValue? Load(string json)
    {
        try
        {
            return PythonJson.Load(json);
        }
        catch (RewardException error) when (error.Type == "JSONDecodeError")
        {
            return null;
        }
    }

    private static Regex Fence { get; } = PythonText.PatternOfLines(@"```(.*?)```");

    private static Regex BoxList { get; } = PythonText.PatternOfLines(@"\[" + PythonText.Space + @"*{.*?""bbox_2d"".*?""label"".*?}" + PythonText.Space + @"*\]");
}
