using Sightline.Generation.Constraints;
using Sightline.Geometry;
using Sightline.Text;
using Sightline.Text.Answers;
using Sightline.Text.Prompts;

namespace Sightline.Grounding;

/// <summary>The grammar of the answers to a prompt template: what <see cref="LanguageOptions.IsConstrained"/> holds a model to.</summary>
internal static class PromptGrammars
{
    private const int MostBoxes = 32;
    private const int MostWordsOfLabel = 6;
    private const string Nothing = "No Objects";
    private static readonly string[] s_tags = ["<think>", "</think>", "<answer>", "</answer>"];

    /// <summary>The grammar.</summary>
    /// <param name="template">The question.</param>
    /// <param name="phrases">What it asks about.</param>
    /// <param name="frame">The coordinates that the answer speaks.</param>
    /// <param name="tokenizer">Knows the special tokens.</param>
    /// <param name="most">Most boxes or points.</param>
    /// <exception cref="SightlineException">Usage: the names to choose from are not known. BadModel: the vocabulary lacks tokens of the form.</exception>
    public static AnswerGrammar Of(PromptTemplate template, IReadOnlyList<string> phrases, CoordinateFrame frame, ITokenizer tokenizer, int most)
    {
        var (width, height) = ((int)frame.Width, (int)frame.Height);
        most = template.Task is GroundingTask.Phrase or GroundingTask.Reasoning ? 1 : Math.Clamp(most, 1, MostBoxes);
        var labels = template.Task switch
        {
            GroundingTask.Caption => WordsOf(phrases[0]),
            GroundingTask.Detection or GroundingTask.Classification => [.. phrases.Distinct(StringComparer.Ordinal)],
            _ => null,
        };
        var saysLabels = template.Kind == AnswerKind.Label || template.Form is AnswerForm.Json or AnswerForm.BoxTokens;
        if (template.HasThinking && saysLabels && labels?.FirstOrDefault(SpellsTag) is { } strange)
            throw new SightlineException(ErrorKind.Usage, $"the name '{strange}' spells a tag that ends an answer of the prompt {template.Id}, so that the two could not be told apart: write it otherwise");
        var answer = template.Kind switch
        {
            AnswerKind.Label => labels is { Count: > 0 } ? AnswerGrammars.Label(labels) : throw new SightlineException(ErrorKind.Usage, "an answer can be held to names only where there are some: give the names that the picture may show"),
            AnswerKind.Points => Points(template.Form, width, height, most),
            _ => Boxes(template, labels, width, height, tokenizer, most),
        };
        return template.HasThinking ? AnswerGrammars.ThinkThenAnswer(answer) : answer;
    }

    private static AnswerGrammar Boxes(PromptTemplate template, IReadOnlyList<string>? labels, int width, int height, ITokenizer tokenizer, int most) => template.Form switch
    {
        AnswerForm.Positions => AnswerGrammars.VisualRftBoxes(width, height, most),
        AnswerForm.Pairs => OrNothing(AnswerGrammar.Repeat(AnswerGrammars.Corners(width, height), 1, most, ", ")),
        AnswerForm.BoxTokens => OrNothing(BoxTokens(labels, width, height, tokenizer, most)),
        _ => AnswerGrammars.JsonBoxes(width, height, labels, most: most, fenced: !template.HasThinking),
    };

    private static AnswerGrammar BoxTokens(IReadOnlyList<string>? labels, int width, int height, ITokenizer tokenizer, int most)
    {
        var box = AnswerGrammar.Join(Special("<|box_start|>"), AnswerGrammars.Corners(width, height), Special("<|box_end|>"));
        if (labels is null) return AnswerGrammar.Repeat(box, 1, most);
        var name = AnswerGrammar.Join(Special("<|object_ref_start|>"), AnswerGrammar.OneOf(labels.Select(label => label.Replace("<|", "< |", StringComparison.Ordinal))), Special("<|object_ref_end|>"));
        return AnswerGrammar.Repeat(AnswerGrammar.Join(name, box), 1, most);

        AnswerGrammar Special(string token) => AnswerGrammar.Special(tokenizer.FindId(token)
            ?? throw new SightlineException(ErrorKind.BadModel, $"the tokenizer has no {token}, which answers of this form need: use the tokenizer files as published with the model"));
    }

    private static AnswerGrammar Points(AnswerForm? form, int width, int height, int most)
    {
        if (form != AnswerForm.Json) return OrNothing(AnswerGrammar.Repeat(AnswerGrammars.Point(width, height), 1, most, ", "));
        var point = AnswerGrammar.Join(
            AnswerGrammar.Literal("{\"point_2d\": ["), AnswerGrammar.Number(0, width), AnswerGrammar.Literal(", "), AnswerGrammar.Number(0, height),
            AnswerGrammar.Literal("], \"label\": "), AnswerGrammar.JsonString(), AnswerGrammar.Literal("}"));
        return AnswerGrammar.Join(
            AnswerGrammar.Literal("```json\n["), AnswerGrammar.Repeat(AnswerGrammar.Join(AnswerGrammar.OneOf(["\n\t", "\n  ", ""]), point), 0, most, ", "), AnswerGrammar.OneOf(["\n", ""]), AnswerGrammar.Literal("]\n```"));
    }

    private static bool SpellsTag(string label) => s_tags.Any(tag => label.Contains(tag, StringComparison.OrdinalIgnoreCase));

    private static AnswerGrammar OrNothing(AnswerGrammar answer) => AnswerGrammar.OneOf(answer, AnswerGrammar.Literal(Nothing));

    /// <summary>All runs of up to six words of a caption, without punctuation at their ends: what can name an object of it.</summary>
    internal static IReadOnlyList<string> WordsOf(string caption)
    {
        var words = caption.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var runs = new List<string>();
        for (var first = 0; first < words.Length; first++)
        {
            for (var count = 1; count <= MostWordsOfLabel && first + count <= words.Length; count++)
            {
                var run = string.Join(' ', words, first, count).Trim('.', ',', ';', ':', '!', '?', '"', '(', ')');
                if (run.Length > 0) runs.Add(run);
            }
        }

        return [.. runs.Distinct(StringComparer.Ordinal)];
    }
}
