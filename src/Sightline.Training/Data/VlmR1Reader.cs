using System.Globalization;
using System.Text.Json;
using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Text.Answers;

namespace Sightline.Training.Data;

/// <summary>
/// VLM-R1's problems (Shen et al. 2025; <c>grpo_jsonl.py</c>): a line with <c>image</c>, a name or a list of names, and
/// <c>conversations</c>, first the person's words, then the solution. A solution that is four numbers is a box in pixels of
/// the original picture; other boxes are in the model's own coordinates, which the file does not say. As there, the
/// solution is put into answer tags where it has none.
/// </summary>
internal static class VlmR1Reader
{
    public static IReadOnlyList<Problem> Read(string path, string? pictures)
    {
        var problems = new List<Problem>();
        var names = new PictureNames(path, pictures);
        JsonRecords.Read(path, (entry, i) => problems.Add(Of(entry, i, names)));
        return problems;
    }

    private static Problem Of(JsonEntry entry, int index, PictureNames names)
    {
        string[] images = entry.Optional("image") is { } image ? image.ValueKind == JsonValueKind.Array ? entry.Texts("image") : [entry.Text("image")] : [];
        var turns = entry.List("conversations");
        if (turns.GetArrayLength() < 2) throw entry.Bad($"'conversations' has {turns.GetArrayLength()} turns, the question and the solution are needed");
        var question = new JsonEntry(turns[0], entry.Place, "conversations[0]").Text("value");
        var answer = new JsonEntry(turns[1], entry.Place, "conversations[1]").Required("value");
        var solution = answer.ValueKind == JsonValueKind.String ? answer.GetString()! : answer.GetRawText();
        var plain = solution.Replace("<answer>", "", StringComparison.Ordinal).Replace("</answer>", "", StringComparison.Ordinal).Trim();
        ProblemPicture[] files = [.. images.Select(names.File)];
        var places = Count(question, Problem.PicturePlace);
        if (places != 0 && places != files.Length) throw entry.Bad($"the question has {places} places for pictures ({Problem.PicturePlace}) and 'image' names {files.Length}");
        var problem = new Problem(entry.Id(index), question)
        {
            Pictures = files,
            Solution = $"<answer> {plain} </answer>",
            Split = entry.OptionalText("split"),
            Source = entry.Place,
        };
        return FourNumbers(plain) is { } corners ? WithBox(problem, corners) : WithLabel(problem, plain);
    }

    private static Problem WithBox(Problem problem, double[] corners)
    {
        if (problem.Pictures is not [{ File: { } file }] || !File.Exists(file)) return problem;
        var header = PictureHeader.Read(file);
        var frame = CoordinateFrame.Pixels(header.UprightWidth, header.UprightHeight);
        return problem with { Boxes = [new LabelledBox("", new Box(corners[0], corners[1], corners[2], corners[3], frame))], Subject = SubjectOf(problem.Prompt) };
    }

    private static Problem WithLabel(Problem problem, string plain) =>
        AnswerParser.Parse(plain, AnswerKind.Boxes, default).Boxes.Count > 0 || plain.Length is 0 or > 200 ? problem : problem with { Label = plain };

    /// <summary>The sentence that VLM-R1's question about a region describes, or null.</summary>
    private static string? SubjectOf(string prompt)
    {
        const string Before = "this sentence describes:";
        var at = prompt.IndexOf(Before, StringComparison.Ordinal);
        return at < 0 ? null : prompt[(at + Before.Length)..].Split('\n')[0].Trim().TrimEnd('.') is { Length: > 0 } subject ? subject : null;
    }

    private static double[]? FourNumbers(string text)
    {
        if (text is not ['[', .. var inner, ']']) return null;
        var parts = inner.Split(',');
        if (parts.Length != 4) return null;
        var numbers = new double[4];
        for (var i = 0; i < 4; i++)
        {
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]) || !double.IsFinite(numbers[i])) return null;
        }

        return numbers;
    }

    internal static int Count(string text, string part)
    {
        var count = 0;
        for (var at = text.IndexOf(part, StringComparison.Ordinal); at >= 0; at = text.IndexOf(part, at + part.Length, StringComparison.Ordinal)) count++;
        return count;
    }
}
