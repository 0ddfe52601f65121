using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Sightline.Geometry;
using Sightline.Text.Answers;

namespace Sightline.Training.Data;

/// <summary>
/// Visual-RFT's problems (Liu et al. 2025): <c>image</c>, <c>problem</c>, <c>solution</c>, as a JSON list, as JSON lines, or as
/// Parquet with the pictures inside, as its sets lie on the hub. Solutions stand in answer tags: boxes with
/// <c>Position</c> and <c>Confidence</c>, a pair of corners, a name, or "No Objects". Boxes speak 0..1000.
/// </summary>
internal static partial class VisualRftReader
{
    private static readonly string[] ImageNames = ["image", "images", "image_path", "picture"];

    public static IReadOnlyList<Problem> Read(string path, string? pictures)
    {
        if (ParquetTable.FilesAt(path) is { Count: > 0 } files && (Directory.Exists(path) || Path.GetExtension(path).Equals(".parquet", StringComparison.OrdinalIgnoreCase)))
            return [.. files.SelectMany(file => ReadParquet(file, pictures))];
        var problems = new List<Problem>();
        var names = new PictureNames(path, pictures);
        JsonRecords.Read(path, (entry, i) => problems.Add(Of(entry, i, names)));
        return problems;
    }

    private static Problem Of(JsonEntry entry, int index, PictureNames names)
    {
        var member = ImageNames.FirstOrDefault(entry.Has) ?? throw entry.Bad("'image' is missing");
        ProblemPicture[] pictures = entry.Required(member) is { ValueKind: JsonValueKind.Array } list
            ? [.. list.EnumerateArray().Select((element, i) => One(element, $"{index}.{i}"))]
            : [One(entry.Required(member), index.ToString(CultureInfo.InvariantCulture))];
        var problem = new Problem(entry.Id(index), entry.Text("problem"))
        {
            Pictures = pictures,
            System = entry.OptionalText("system"),
            Split = entry.OptionalText("split"),
            Source = entry.Place,
        };
        return WithTruth(problem, entry.Text("solution"));

        ProblemPicture One(JsonElement value, string name)
        {
            if (value.ValueKind == JsonValueKind.String) return names.File(entry.TextOf(value, member));
            var picture = new JsonEntry(value, entry.Place, $"'{member}'"); // datasets writes {"bytes", "path"}
            if (picture.Optional("bytes") is not { } bytes) return names.File(picture.Text("path"));
            return bytes.ValueKind == JsonValueKind.String && bytes.TryGetBytesFromBase64(out var encoded)
                ? ProblemPicture.FromBytes(picture.OptionalText("path") ?? name, encoded)
                : throw picture.Bad($"'bytes' is {JsonEntry.Show(bytes)}, not base64 text");
        }
    }

    private static IEnumerable<Problem> ReadParquet(string file, string? pictures)
    {
        var columns = ParquetTable.Columns(file);
        var image = ImageNames.FirstOrDefault(name => columns.Any(column => column.Name == name))
            ?? throw DataFile.Bad(file, $"no column 'image'; there are {string.Join(", ", columns.Select(column => column.Name))}");
        if (new[] { "problem", "solution" }.FirstOrDefault(name => columns.All(column => column.Name != name)) is { } missing)
            throw DataFile.Bad(file, $"no column '{missing}'; there are {string.Join(", ", columns.Select(column => column.Name))}");
        var type = columns.First(column => column.Name == image).Type;
        var stem = Path.GetFileNameWithoutExtension(file);
        // the hub names files SPLIT-00000-of-00003.parquet
        var split = SplitName().Match(stem) is { Success: true } match ? match.Groups[1].Value : null;
        var names = new PictureNames(file, pictures);
        return ParquetTable.Rows(file, image, type, ["problem", "solution"]).Select((row, i) =>
        {
            var place = string.Create(CultureInfo.InvariantCulture, $"{file}, row {i + 1}");
            var id = string.Create(CultureInfo.InvariantCulture, $"{stem}/{i}");
            if (row.Texts is not [{ } prompt, { } solution]) throw new SightlineException(ErrorKind.BadData, $"{place}: 'problem' or 'solution' is empty");
            var picture = row.Picture switch
            {
                { Bytes: { } bytes } => ProblemPicture.FromBytes(row.Picture.Path is { Length: > 0 } name ? name : id, bytes),
                { Path: { Length: > 0 } name } => names.File(name),
                _ => throw new SightlineException(ErrorKind.BadData, $"{place}: the picture is empty"),
            };
            return WithTruth(new Problem(id, prompt) { Pictures = [picture], Split = split, Source = place }, solution);
        });
    }

    /// <summary>Adds the solution and the typed truth that it states.</summary>
    internal static Problem WithTruth(Problem problem, string solution)
    {
        problem = problem with { Solution = solution, Subject = SubjectOf(problem.Prompt, out var isCategory) };
        var read = AnswerParser.Parse(solution, AnswerKind.Boxes, CoordinateFrame.Thousandths);
        if (read.Boxes.Count > 0 || read.Status == AnswerStatus.NothingThere)
        {
            return problem with
            {
                Frame = CoordinateFrame.Thousandths,
                Boxes = [.. read.Boxes.Select(found => new LabelledBox(found.Label ?? (isCategory ? problem.Subject! : ""), found.Box))],
            };
        }

        var name = AnswerParser.Parse(solution, AnswerKind.Label, CoordinateFrame.Thousandths);
        return name.Label is { } label ? problem with { Label = label } : problem;
    }

    /// <summary>What a prompt asks for, by the wording of Visual-RFT's prompts; null for others.</summary>
    private static string? SubjectOf(string prompt, out bool isCategory)
    {
        var category = Category().Match(prompt);
        isCategory = category.Success;
        if (isCategory) return category.Groups[1].Value;
        return Instruction().Match(prompt) is { Success: true } instruction ? instruction.Groups[1].Value.Trim() : null;
    }

    [GeneratedRegex("""belonging to the category ['"](.+?)['"] in the image""", RegexOptions.Singleline)]
    private static partial Regex Category();

    [GeneratedRegex(@"corresponding to the instruction: (.+?)\.? Output the thinking process", RegexOptions.Singleline)]
    private static partial Regex Instruction();

    [GeneratedRegex(@"^(\w+)-\d+-of-\d+$")]
    private static partial Regex SplitName();
}
