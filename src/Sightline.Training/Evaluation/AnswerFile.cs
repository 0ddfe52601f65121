using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>Reads the list <c>answers</c> of a score file.</summary>
internal static class AnswerFile
{
    /// <summary>One entry, with errors that name it.</summary>
    internal readonly struct Entry(JsonElement element)
    {
        public string Text(string name) => element.GetProperty(name).GetString() ?? throw new FormatException($"'{name}' is null");

        public bool Flag(string name) => element.GetProperty(name).GetBoolean();

        public long Integer(string name) => element.GetProperty(name).GetInt64() is >= 0 and var value ? value : throw new FormatException($"'{name}' is negative");

        public double Number(string name) => element.GetProperty(name).GetDouble();
    }

    public delegate T Reader<out T>(Entry entry);

    /// <exception cref="SightlineException">NotFound or BadData.</exception>
    public static IReadOnlyList<T> Read<T>(string path, Reader<T> read)
    {
        var number = -1;
        try
        {
            using var document = JsonDocument.Parse(AnnotationJson.ReadFile(path));
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("answers", out var list) || list.ValueKind != JsonValueKind.Array)
                throw new SightlineException(ErrorKind.BadData, $"{path} has no list 'answers': it is not what evaluate writes with --json");
            var answers = new List<T>();
            foreach (var element in list.EnumerateArray())
            {
                number++;
                answers.Add(read(new Entry(element)));
            }

            return answers;
        }
        catch (JsonException e)
        {
            throw new SightlineException(ErrorKind.BadData, $"{path}, line {e.LineNumber + 1}: not valid JSON ({e.Message.Split(". ")[0]})", e);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new SightlineException(ErrorKind.BadData, $"{path}, answers[{number}]: {e.Message}", e);
        }
    }
}
