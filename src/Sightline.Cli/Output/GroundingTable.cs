using System.Globalization;
using System.Text.Json;
using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Imaging.Drawing;

namespace Sightline.Cli.Output;

/// <summary>Answers for people and for scripts.</summary>
internal static class GroundingTable
{
    /// <summary>Half the side of the square that marks a point, as a share of the picture's longer side.</summary>
    private const double PointMark = 0.01;

    /// <summary>The picture with the boxes on it, and small squares around points.</summary>
    public static Picture Annotate(this GroundingResult result) => result.Picture.Draw(
        result.Points.Count > 0
            ? [.. result.Points.Select(point => new Annotation(Mark(point, result.Picture), point.Phrase, point.Score))]
            : [.. result.Detections.Select(found => new Annotation(found.Box, found.Phrase, found.Score))]);

    public static void Write(Terminal terminal, GroundingResult result)
    {
        foreach (var thought in result.Spoken.Select(spoken => spoken.Thinking).OfType<string>()) terminal.Line($"thought: {thought.ReplaceLineEndings(" ")}");
        if (result.Label is { } label)
        {
            terminal.Line($"{label} ({ScoreTable.Number(result.LabelScore)})");
            return;
        }

        if (result.Points.Count > 0)
        {
            terminal.Table(["phrase", ">score", ">x", ">y"], result.Answers.SelectMany(answer => answer.Points.Count == 0
                ? [[answer.Phrase, Nothing(answer), "", ""]]
                : answer.Points.Select(point => new[] { point.Phrase, ScoreTable.Number(point.Score), Pixel(point.X), Pixel(point.Y) })));
            return;
        }

        terminal.Table(
            ["phrase", ">score", ">left", ">top", ">right", ">bottom"],
            result.Answers.SelectMany(answer => answer.Detections.Count == 0
                ? [[answer.Phrase, Nothing(answer), "", "", "", ""]]
                : answer.Detections.Select(found => Row(found, found.Box.To(result.Picture.Frame)))));
    }

    /// <summary>
    /// {"picture", "width", "height", "frame": "pixels", "answers": [{"phrase", "presence", "detections": [{"box": [left, top,
    /// right, bottom], "score"}]}]}. Points have "points": [{"point": [x, y], "score"}]; a name "label" and "label_score". Of a vision-language model
    /// detections also have "label", "spoken_confidence" and "token_confidence" where there are some, answers the "question" that they are from, and
    /// "questions" lists what it said. An answer whose phrase was not read to its end has "ignored_word_pieces".
    /// </summary>
    public static void WriteJson(Utf8JsonWriter json, GroundingResult result, string picture)
    {
        var spoken = result.Spoken.ToList();
        json.WriteStartObject();
        json.WriteString("picture", picture);
        json.WriteNumber("width", result.Picture.Width);
        json.WriteNumber("height", result.Picture.Height);
        json.WriteString("frame", "pixels");
        if (result.Label is { } label)
        {
            json.WriteString("label", label);
            json.WriteNumber("label_score", Math.Round(result.LabelScore, 4));
        }

        json.WriteStartArray("answers");
        foreach (var answer in result.Answers) WriteAnswer(json, answer, result.Picture.Frame, answer.Spoken is null ? -1 : spoken.IndexOf(answer.Spoken));
        json.WriteEndArray();
        if (spoken.Count > 0)
        {
            json.WriteStartArray("questions");
            foreach (var one in spoken) WriteSpoken(json, one);
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteAnswer(Utf8JsonWriter json, PhraseAnswer answer, CoordinateFrame frame, int question)
    {
        json.WriteStartObject();
        json.WriteString("phrase", answer.Phrase);
        json.WriteNumber("presence", Math.Round(answer.Presence, 4));
        if (answer.IgnoredWordPieces > 0) json.WriteNumber("ignored_word_pieces", answer.IgnoredWordPieces);
        json.WriteStartArray("detections");
        foreach (var found in answer.Detections)
        {
            var box = found.Box.To(frame);
            json.WriteStartObject();
            WriteNumbers(json, "box", box.X1, box.Y1, box.X2, box.Y2);
            json.WriteNumber("score", Math.Round(found.Score, 4));
            if (found.Label is { } label) json.WriteString("label", label);
            if (found.SpokenConfidence is { } said) json.WriteNumber("spoken_confidence", Math.Round(said, 4));
            if (found.TokenConfidence is { } sure) json.WriteNumber("token_confidence", Math.Round(sure, 4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (answer.Points.Count > 0)
        {
            json.WriteStartArray("points");
            foreach (var point in answer.Points)
            {
                json.WriteStartObject();
                WriteNumbers(json, "point", point.X, point.Y);
                json.WriteNumber("score", Math.Round(point.Score, 4));
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        if (question >= 0) json.WriteNumber("question", question);
        json.WriteEndObject();
    }

    private static void WriteSpoken(Utf8JsonWriter json, SpokenAnswer spoken)
    {
        json.WriteStartObject();
        json.WriteString("prompt", spoken.Prompt);
        json.WriteString("status", JsonNamingPolicy.SnakeCaseLower.ConvertName(spoken.Status.ToString()));
        json.WriteBoolean("understood", spoken.IsUnderstood);
        if (spoken.Problem is { } problem) json.WriteString("problem", problem);
        if (spoken.Thinking is { } thinking) json.WriteString("thinking", thinking);
        json.WriteString("text", spoken.Text);
        json.WriteString("finish", JsonNamingPolicy.SnakeCaseLower.ConvertName(spoken.Reason.ToString()));
        json.WriteNumber("prompt_tokens", spoken.PromptTokens);
        json.WriteNumber("tokens", spoken.Tokens);
        json.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, params ReadOnlySpan<double> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteNumberValue(Math.Round(value, 2));
        json.WriteEndArray();
    }

    private static string Nothing(PhraseAnswer answer) => answer.Spoken is { IsUnderstood: false } ? "not understood" : "nothing here";

    private static Box Mark(FoundPoint point, Picture picture)
    {
        var half = Math.Max(2, PointMark * Math.Max(picture.Width, picture.Height));
        return new Box(point.X - half, point.Y - half, point.X + half, point.Y + half, point.Frame).Clip();
    }

    private static string[] Row(Detection found, Box box) => [found.Phrase, ScoreTable.Number(found.Score), Pixel(box.X1), Pixel(box.Y1), Pixel(box.X2), Pixel(box.Y2)];

    private static string Pixel(double value) => value.ToString("0", CultureInfo.InvariantCulture);
}
