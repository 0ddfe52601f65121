using Sightline.Text;
using Sightline.Text.Answers;
using Sightline.Text.Prompts;

namespace Sightline.Grounding;

/// <summary>One question to a vision-language model: the phrases that it asks about, and the conversation.</summary>
internal sealed record LanguageQuestion(IReadOnlyList<string> Phrases, IReadOnlyList<ChatMessage> Messages)
{
    /// <summary>Fills a template: with all phrases where it has a place for a list, else once for each.</summary>
    /// <exception cref="SightlineException">Usage: a place has no value.</exception>
    public static IReadOnlyList<LanguageQuestion> Of(PromptTemplate template, IReadOnlyList<string> phrases, IReadOnlyList<(string Place, string Value)> values)
    {
        var places = template.Places;
        foreach (var (place, _) in values)
        {
            if (!places.Contains(place)) throw new SightlineException(ErrorKind.Usage, $"the prompt {template.Id} has no place '{place}': it has {(places.Count == 0 ? "none" : string.Join(", ", places))}");
        }

        var isList = places.Contains("labels");
        if (isList && phrases.Count == 0) throw new SightlineException(ErrorKind.Usage, $"the prompt {template.Id} lists names to choose from and none was given: give the names that the picture may show");
        return isList || template.Kind == AnswerKind.Label
            ? [new LanguageQuestion(phrases, Fill(("labels", string.Join(", ", phrases))))]
            : [.. phrases.Select(phrase => new LanguageQuestion([phrase], Fill(("phrase", phrase), ("category", phrase), ("caption", phrase))))];

        IReadOnlyList<ChatMessage> Fill(params IReadOnlyList<(string Place, string Value)> own) => template.Fill([.. values, .. own]);
    }
}
