namespace Sightline.Text.Answers;

/// <summary>The parts of a model's text: what it thought, and what it answers.</summary>
/// <param name="Thinking">Between the tags, or null.</param>
/// <param name="Start">Where the answer begins in the whole text.</param>
/// <param name="End">Where it ends.</param>
/// <param name="IsOpen">Whether the text ends inside the thinking or the answer.</param>
/// <param name="Answers">How many answers stand in tags.</param>
/// <param name="IsInTags">Whether there is one closed thinking and one closed answer and nothing else.</param>
internal readonly record struct AnswerSections(string? Thinking, int Start, int End, bool IsOpen, int Answers, bool IsInTags)
{
    private const string ThinkOpen = "<think>", ThinkClose = "</think>", AnswerOpen = "<answer>", AnswerClose = "</answer>";

    // Texts that a decoder leaves at the end of an answer.
    private static readonly string[] s_ends = ["<|im_end|>", "<|endoftext|>"];

    public static AnswerSections Split(string text)
    {
        var end = text.Length;
        foreach (var mark in s_ends)
        {
            var at = text.IndexOf(mark, StringComparison.Ordinal);
            if (at >= 0 && at < end) end = at;
        }

        var (thinking, start, isThinkingOpen) = Think(text, end);
        if (isThinkingOpen) return new AnswerSections(thinking, end, end, end == text.Length, 0, false);
        var count = Count(text, AnswerOpen, start, end);
        if (count == 0) return new AnswerSections(thinking, start, end, false, 0, false);
        // of several, the last: what a model settles on
        var open = text.LastIndexOf(AnswerOpen, end - 1, end - start, StringComparison.Ordinal) + AnswerOpen.Length;
        var close = text.IndexOf(AnswerClose, open, end - open, StringComparison.Ordinal);
        if (close < 0) return new AnswerSections(thinking, open, end, true, count, false);
        var inTags = thinking is not null && count == 1
            && Count(text, ThinkOpen, 0, end) == 1 && Count(text, ThinkClose, 0, end) == 1 && Count(text, AnswerClose, 0, end) == 1
            && text.AsSpan().TrimStart().StartsWith(ThinkOpen, StringComparison.Ordinal)
            && text.AsSpan(start, open - AnswerOpen.Length - start).IsWhiteSpace()
            && text.AsSpan((close + AnswerClose.Length)..end).IsWhiteSpace();
        return new AnswerSections(thinking, open, close, false, count, inTags);
    }

    private static (string? Thinking, int Start, bool IsOpen) Think(string text, int end)
    {
        var open = text.IndexOf(ThinkOpen, 0, end, StringComparison.Ordinal);
        var from = open < 0 ? 0 : open + ThinkOpen.Length;
        // a template may have written the opening tag into the prompt
        var close = text.IndexOf(ThinkClose, from, end - from, StringComparison.Ordinal);
        if (close >= 0) return (text[from..close].Trim(), close + ThinkClose.Length, false);
        if (open < 0) return (null, 0, false);
        // a thought without an end, but with an answer in tags: the model forgot the tag
        var answer = text.IndexOf(AnswerOpen, from, end - from, StringComparison.Ordinal);
        return answer >= 0 ? (text[from..answer].Trim(), answer, false) : (text[from..end].Trim(), end, true);
    }

    private static int Count(string text, string tag, int start, int end)
    {
        var count = 0;
        for (var at = text.IndexOf(tag, start, end - start, StringComparison.Ordinal); at >= 0; at = text.IndexOf(tag, at, end - at, StringComparison.Ordinal))
        {
            count++;
            at += tag.Length;
        }

        return count;
    }
}
