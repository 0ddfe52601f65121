using System.Globalization;
using System.Text.RegularExpressions;
using Sightline.Generation;
using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Text.Answers;

namespace Sightline.Grounding;

/// <summary>
/// From what a vision-language model wrote in a conversation to boxes of its pictures. Coordinates alone do not say which of several
/// pictures they are about; that is read from the answer ("Picture 2") or told by the caller, and never guessed.
/// </summary>
/// <param name="pictures">The pictures of the conversation.</param>
/// <param name="frames">The coordinates in which the model speaks of each.</param>
/// <param name="answered">Which picture the answer is about, when the caller knows.</param>
internal sealed partial class ConversationAnswers(IReadOnlyList<Picture> pictures, IReadOnlyList<CoordinateFrame> frames, int? answered)
{
    /// <summary>Reads the answer.</summary>
    public ConversationAnswer Read(GenerationResult result)
    {
        if (pictures.Count == 0) return new ConversationAnswer(LanguageAnswers.Spoken(AnswerParser.Parse(result.Text, AnswerKind.Boxes, default, result.Reason == FinishReason.Length), result, ""), []);
        var common = Common();
        var answer = AnswerParser.Parse(result.Text, AnswerKind.Boxes, common, result.Reason == FinishReason.Length);
        List<Detection> placed = [];
        List<AnsweredBox> unplaced = [];
        if (answer.IsUsable)
        {
            foreach (var found in answer.Boxes)
            {
                if (PictureOf(found, result.Text) is not { } picture) unplaced.Add(found with { Box = found.Box with { Frame = IsOne(frames) ? common : default } });
                else if (!Fits(found.Box, frames[picture])) return Of(WrongFrame(answer, found.Box, picture), [], []);
                else if (LanguageAnswers.Detect(found with { Box = found.Box with { Frame = frames[picture] } }, result, pictures[picture], found.Label ?? "") is { } detection) placed.Add(detection with { Picture = picture });
            }
        }

        if (unplaced.Count > 0)
            answer = answer with { Problem = $"{unplaced.Count} of {answer.Boxes.Count} boxes do not say which of the {pictures.Count} pictures they are about: number the pictures and ask for the number (NumberPictures), or say which one is meant (AnsweredPicture)" };
        return Of(answer, placed, unplaced);

        ConversationAnswer Of(GroundedAnswer read, List<Detection> boxes, List<AnsweredBox> others) => new(LanguageAnswers.Spoken(read, result, ""), boxes) { Unplaced = others };
    }

    private static bool IsOne(IReadOnlyList<CoordinateFrame> frames) => frames.Distinct().Count() == 1;

    /// <summary>A frame that holds the numbers of every picture.</summary>
    private CoordinateFrame Common() => IsOne(frames) ? frames[0]
        : answered is { } only ? frames[only]
        : CoordinateFrame.Pixels((int)frames.Max(frame => frame.Width), (int)frames.Max(frame => frame.Height));

    private int? PictureOf(AnsweredBox found, string text)
    {
        if (answered is not null || pictures.Count == 1) return answered ?? 0;
        var named = Numbers(found.Label ?? "").Concat(Numbers(text[..found.Start]).Reverse()).FirstOrDefault();
        return named >= 1 && named <= pictures.Count ? named - 1 : null;
    }

    private static IEnumerable<int> Numbers(string text) =>
        Named().Matches(text).Select(match => int.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0);

    private static bool Fits(Box box, CoordinateFrame frame) => box.X2 <= (1 + AnswerParser.Overshoot) * frame.Width && box.Y2 <= (1 + AnswerParser.Overshoot) * frame.Height;

    private GroundedAnswer WrongFrame(GroundedAnswer answer, Box box, int picture) => answer with
    {
        Status = AnswerStatus.WrongFrame,
        Problem = string.Create(CultureInfo.InvariantCulture, $"the answer speaks of ({box.X2:0.###}, {box.Y2:0.###}) in picture {picture + 1}, which is outside the frame {frames[picture]}: it is about another picture, or the model speaks other coordinates"),
    };

    [GeneratedRegex(@"\b(?:picture|image)\s+#?(\d{1,4})\b", RegexOptions.IgnoreCase)]
    private static partial Regex Named();
}
