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
    /// <summary>The picture with the boxes on it.</summary>
    public static Picture Annotate(this GroundingResult result) =>
        result.Picture.Draw([.. result.Detections.Select(found => new Annotation(found.Box, found.Phrase, found.Score))]);

    public static void Write(Terminal terminal, GroundingResult result) => terminal.Table(
        ["phrase", ">score", ">left", ">top", ">right", ">bottom"],
        result.Answers.SelectMany(answer => answer.Detections.Count == 0
            ? [[answer.Phrase, "nothing here", "", "", "", ""]]
            : answer.Detections.Select(found => Row(found, found.Box.To(result.Picture.Frame)))));

    /// <summary>
    /// {"picture", "width", "height", "frame": "pixels", "answers": [{"phrase", "presence", "detections": [{"box": [left, top,
    /// right, bottom], "score"}]}]}
    /// </summary>
    public static void WriteJson(Utf8JsonWriter json, GroundingResult result, string picture)
    {
        json.WriteStartObject();
        json.WriteString("picture", picture);
        json.WriteNumber("width", result.Picture.Width);
        json.WriteNumber("height", result.Picture.Height);
        json.WriteString("frame", "pixels");
        json.WriteStartArray("answers");
        foreach (var answer in result.Answers)
        {
            json.WriteStartObject();
            json.WriteString("phrase", answer.Phrase);
            json.WriteNumber("presence", Math.Round(answer.Presence, 4));
            json.WriteStartArray("detections");
            foreach (var found in answer.Detections)
            {
                var box = found.Box.To(result.Picture.Frame);
                json.WriteStartObject();
                json.WriteStartArray("box");
                foreach (var value in (ReadOnlySpan<double>)[box.X1, box.Y1, box.X2, box.Y2]) json.WriteNumberValue(Math.Round(value, 2));
                json.WriteEndArray();
                json.WriteNumber("score", Math.Round(found.Score, 4));
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string[] Row(Detection found, Box box) => [found.Phrase, ScoreTable.Number(found.Score), Pixel(box.X1), Pixel(box.Y1), Pixel(box.X2), Pixel(box.Y2)];

    private static string Pixel(double value) => value.ToString("0", CultureInfo.InvariantCulture);
}
