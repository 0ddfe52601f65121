using System.Buffers;
using System.Text.Json;
using Sightline.Geometry;
using Sightline.Training.Data;

namespace Sightline.Training.Grounding;

/// <summary>What a model found in one picture of a set.</summary>
/// <param name="Number">Which picture, from 0.</param>
/// <param name="Width">Its pixels across.</param>
/// <param name="Height">Its pixels down.</param>
/// <param name="Objects">In pixels, with scores.</param>
/// <param name="Unread">Answers of a model that speaks that could not be read.</param>
internal sealed record PictureLabels(int Number, int Width, int Height, IReadOnlyList<LabelledBox> Objects, int Unread)
{
    /// <summary>One line of JSON with its end; numbers come back with the same bits.</summary>
    public byte[] ToLine()
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteNumber("picture", Number);
            json.WriteNumber("width", Width);
            json.WriteNumber("height", Height);
            if (Unread > 0) json.WriteNumber("unread", Unread);
            json.WriteStartArray("objects");
            foreach (var found in Objects)
            {
                json.WriteStartObject();
                json.WriteString("label", found.Label);
                json.WritePropertyName("box");
                JsonText.WriteCorners(json, found.Box);
                json.WriteNumber("score", found.Score ?? 0);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        bytes.Write("\n"u8);
        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>Reads what <see cref="ToLine"/> wrote.</summary>
    public static PictureLabels Read(ReadOnlyMemory<byte> line)
    {
        using var document = JsonDocument.Parse(line);
        var root = document.RootElement;
        var (width, height) = (root.GetProperty("width").GetInt32(), root.GetProperty("height").GetInt32());
        var frame = CoordinateFrame.Pixels(width, height);
        LabelledBox[] objects =
        [
            .. root.GetProperty("objects").EnumerateArray().Select(found =>
            {
                var box = found.GetProperty("box");
                return new LabelledBox(found.GetProperty("label").GetString()!, new Box(box[0].GetDouble(), box[1].GetDouble(), box[2].GetDouble(), box[3].GetDouble(), frame)) { Score = found.GetProperty("score").GetDouble() };
            }),
        ];
        return new PictureLabels(root.GetProperty("picture").GetInt32(), width, height, objects, root.TryGetProperty("unread", out var unread) ? unread.GetInt32() : 0);
    }
}
