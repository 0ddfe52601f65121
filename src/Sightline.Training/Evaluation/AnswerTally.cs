using System.Globalization;
using System.Text.Json;
using Sightline.Generation;
using Sightline.Grounding;
using Sightline.Text.Answers;

namespace Sightline.Training.Evaluation;

/// <summary>How the answers of a vision-language model could be read. All zero for models of other kinds.</summary>
/// <param name="Asked">Questions.</param>
/// <param name="Unread">Answers in which nothing was understood.</param>
/// <param name="WrongFrame">Of these: numbers that are no coordinates of the model's frame.</param>
/// <param name="Cut">Answers that a length limit ended, whether or not something was understood.</param>
/// <param name="CutUnread">Of these: answers in which nothing was understood.</param>
public sealed record AnswerTally(int Asked = 0, int Unread = 0, int WrongFrame = 0, int Cut = 0, int CutUnread = 0)
{
    /// <summary>The prompt's name and version; null where nothing was asked.</summary>
    public string? Prompt { get; init; }

    /// <summary>One sentence for the notes of a score; null where nothing was asked.</summary>
    public string? Note => Asked == 0 ? null : string.Create(
        CultureInfo.InvariantCulture, $"{Asked} questions with the prompt {Prompt}: {Unread} answers could not be read ({WrongFrame} for their coordinates, {CutUnread} were cut off by the length limit); {Asked - Unread} could, {Cut - CutUnread} of them cut off, too");

    /// <summary>With what a call was answered.</summary>
    public AnswerTally With(IEnumerable<SpokenAnswer> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        var tally = this;
        foreach (var answer in answers)
        {
            var (isUnread, isCut) = (!answer.IsUnderstood, answer.Reason == FinishReason.Length);
            tally = tally.Plus(new AnswerTally(1, isUnread ? 1 : 0, answer.Status == AnswerStatus.WrongFrame ? 1 : 0, isCut ? 1 : 0, isUnread && isCut ? 1 : 0) { Prompt = answer.Prompt });
        }

        return tally;
    }

    /// <summary>With what was asked afterwards.</summary>
    internal AnswerTally Plus(AnswerTally later) =>
        new(Asked + later.Asked, Unread + later.Unread, WrongFrame + later.WrongFrame, Cut + later.Cut, CutUnread + later.CutUnread) { Prompt = later.Prompt ?? Prompt };

    /// <summary>Writes the member <c>spoken</c> into an open object, where something was asked.</summary>
    public void WriteJson(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (Asked == 0) return;
        writer.WriteStartObject("spoken");
        writer.WriteString("prompt", Prompt);
        writer.WriteNumber("asked", Asked);
        writer.WriteNumber("unread", Unread);
        writer.WriteNumber("wrong_frame", WrongFrame);
        writer.WriteNumber("cut", Cut);
        writer.WriteNumber("cut_unread", CutUnread);
        writer.WriteEndObject();
    }
}
