using Sightline.Generation;
using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Text.Answers;
using Sightline.Text.Prompts;

namespace Sightline.Grounding;

/// <summary>From what a vision-language model wrote to boxes, points and names in the picture's own pixels.</summary>
internal sealed class LanguageAnswers(Picture picture, PromptTemplate template, CoordinateFrame frame, GroundingOptions options)
{
    /// <summary>Reads the answers of all questions.</summary>
    public GroundingResult Read(IReadOnlyList<LanguageQuestion> questions, IReadOnlyList<GenerationResult> results)
    {
        var answers = new List<PhraseAnswer>();
        GroundingResult? named = null;
        for (var i = 0; i < questions.Count; i++)
        {
            var answer = template.Read(results[i].Text, frame, results[i].Reason == FinishReason.Length);
            var spoken = Spoken(answer, results[i], template.Id);
            if (template.Kind == AnswerKind.Label) named = ReadLabel(answer, results[i], spoken, questions[i].Phrases);
            else answers.AddRange(ReadRegions(answer, results[i], spoken, questions[i].Phrases));
        }

        return named ?? new GroundingResult(picture, answers);
    }

    /// <summary>How an answer was understood.</summary>
    public static SpokenAnswer Spoken(GroundedAnswer answer, GenerationResult result, string prompt) => new(answer.Status, answer.Text)
    {
        Problem = answer.Problem,
        Thinking = answer.Thinking,
        Prompt = prompt,
        Raw = result.Text,
        Reason = result.Reason,
        PromptTokens = result.PromptTokens,
        Tokens = result.Ids.Count,
        IsUnderstood = answer.IsUsable && (answer.Status is AnswerStatus.Complete or AnswerStatus.NothingThere || answer.Boxes.Count + answer.Points.Count > 0 || answer.Label is not null),
    };

    /// <summary>The boxes of an answer in pixels of the picture, in the order of speaking; none where the frame does not fit.</summary>
    public static IEnumerable<Detection> Boxes(GroundedAnswer answer, GenerationResult result, Picture picture, string phrase)
    {
        if (!answer.IsUsable) yield break;
        foreach (var found in answer.Boxes)
        {
            if (Detect(found, result, picture, phrase) is { } detection) yield return detection;
        }
    }

    /// <summary>A box that a model spoke, with its confidences, in pixels of the picture; null where nothing of it is in the picture.</summary>
    public static Detection? Detect(AnsweredBox found, GenerationResult result, Picture picture, string phrase)
    {
        var box = found.Box.To(picture.Frame).Clip();
        if (box.IsEmpty) return null;
        var token = TokenConfidence.OfNumbers(result, found.Start, found.Length);
        var spoken = found.Confidence is { } said && !double.IsNaN(said) ? Math.Clamp(said, 0, 1) : (double?)null;
        return new Detection(phrase, box, spoken ?? token ?? 0) { SpokenConfidence = spoken, TokenConfidence = token, Label = found.Label };
    }

    private IEnumerable<PhraseAnswer> ReadRegions(GroundedAnswer answer, GenerationResult result, SpokenAnswer spoken, IReadOnlyList<string> phrases)
    {
        var boxes = template.Kind == AnswerKind.Boxes ? Boxes(answer, result, picture, phrases[0]).ToList() : [];
        var points = template.Kind == AnswerKind.Points ? Points(answer, result, phrases[0]).ToList() : [];
        if (template.Task == GroundingTask.Caption)
        {
            // the words that the model took from the caption are the phrases
            var labels = boxes.Select(found => found.Label ?? phrases[0]).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
            return labels.Count == 0
                ? [Answer(phrases[0], [], [], spoken)]
                : labels.Select(label => Answer(label, boxes.Where(found => IsSame(found.Label ?? phrases[0], label)), [], spoken));
        }

        if (phrases.Count == 1) return [Answer(phrases[0], boxes, points, spoken)];
        var strange = boxes.Where(found => !phrases.Any(phrase => IsSame(found.Label, phrase))).ToList();
        if (strange.Count > 0)
            spoken = spoken with { Problem = $"{strange.Count} of {boxes.Count} boxes have a label that was not asked for and were left out: {string.Join(", ", strange.Select(found => found.Label is null ? "none" : $"'{found.Label}'").Distinct())}" };
        return phrases.Select(phrase => Answer(phrase, boxes.Where(found => IsSame(found.Label, phrase)), [], spoken));
    }

    private PhraseAnswer Answer(string phrase, IEnumerable<Detection> boxes, IReadOnlyList<FoundPoint> points, SpokenAnswer spoken)
    {
        var found = boxes.Where(box => box.Score >= (options.Threshold ?? 0)).Select(box => box with { Phrase = phrase }).ToList();
        var kept = NonMaximumSuppression.Keep([.. found.Select(box => box.Box)], [.. found.Select(box => box.Score)], options.OverlapThreshold);
        Detection[] detections = [.. kept.Take(options.MaximumDetections).Select(i => found[i])];
        FoundPoint[] places = [.. points.Where(point => point.Score >= (options.Threshold ?? 0)).OrderByDescending(point => point.Score).Take(options.MaximumDetections)];
        var presence = detections.Select(box => box.Score).Concat(places.Select(point => point.Score)).DefaultIfEmpty().Max();
        return new PhraseAnswer(phrase, presence, detections) { Points = places, Spoken = spoken };
    }

    private IEnumerable<FoundPoint> Points(GroundedAnswer answer, GenerationResult result, string phrase)
    {
        if (!answer.IsUsable) yield break;
        foreach (var point in answer.To(picture.Frame).Points)
        {
            yield return new FoundPoint(
                phrase, Math.Clamp(point.X, 0, point.Frame.Width), Math.Clamp(point.Y, 0, point.Frame.Height), point.Frame, TokenConfidence.OfNumbers(result, point.Start, point.Length) ?? 0);
        }
    }

    private GroundingResult ReadLabel(GroundedAnswer answer, GenerationResult result, SpokenAnswer spoken, IReadOnlyList<string> names)
    {
        var said = answer.Label ?? (answer.Status == AnswerStatus.NothingThere ? answer.Text : null); // "none" may be one of the names
        var label = names.FirstOrDefault(name => IsSame(said, name)) ?? answer.Label;
        var at = label is null ? -1 : result.Text.LastIndexOf(said!, StringComparison.Ordinal);
        var score = at < 0 ? 0 : TokenConfidence.OfText(result, at, said!.Length);
        if (label is not null && names.Count > 0 && !names.Contains(label))
            spoken = spoken with { Problem = $"the answer '{label}' is none of the names that were given" };
        IReadOnlyList<string> all = names.Count > 0 ? names : [label ?? ""];
        return new GroundingResult(picture, [.. all.Select(name => new PhraseAnswer(name, IsSame(label, name) ? score : 0, []) { Spoken = spoken })]) { Label = label, LabelScore = score };
    }

    /// <summary>Whether a label is what was asked for, as prompts write it, whatever stands around it: quotes, a full stop, other letters' size.</summary>
    internal static bool IsSame(string? said, string asked) => said is not null && Plain(said).Equals(Plain(asked), StringComparison.OrdinalIgnoreCase);

    private static string Plain(string label)
    {
        var inner = label.Replace("<|", "< |", StringComparison.Ordinal).Trim([' ', '\t', '\r', '\n', '\'', '"', '`', '.']);
        return inner.Length > 0 ? inner : label.Trim();
    }
}
