using Sightline.Imaging;

namespace Sightline.Training.Data;

/// <summary>Problems as a data set: pictures with the boxes, phrases and labels that their problems state, so that inspect, lint, convert and evaluate work on them.</summary>
internal static class ProblemView
{
    private const int LongestPhrase = 200;

    public static DataSet Of(string name, DataFormat format, IReadOnlyList<Problem> problems, IReadOnlyList<string>? notes = null)
    {
        if (problems.Count == 0) throw new SightlineException(ErrorKind.BadData, $"{name} holds no problem");
        var folder = CommonFolder(problems);
        var labels = problems.SelectMany(problem => problem.Boxes ?? []).Select(box => box.Label).Where(label => label.Length > 0).ToHashSet(StringComparer.Ordinal);
        var samples = problems.Where(problem => problem.Pictures.Count > 0).GroupBy(problem => (Key(problem.Pictures[0]), problem.Split)).Select(group => Sample([.. group], folder, labels)).ToList();
        var without = problems.Count(problem => problem.Pictures.Count == 0);
        var several = problems.Count(problem => problem.Pictures.Count > 1);
        return new DataSet
        {
            Name = name,
            Format = format,
            Classes = [.. labels.Concat(samples.Select(sample => sample.Label).OfType<string>()).Distinct().Order(StringComparer.Ordinal)],
            Samples = samples,
            PictureFolder = folder,
            Problems = problems,
            Notes =
            [
                .. notes ?? [],
                .. without > 0 ? [FormattableString.Invariant($"{without} problems have no picture and are not shown as samples")] : Array.Empty<string>(),
                .. several > 0 ? [FormattableString.Invariant($"{several} problems have several pictures; what is said of them stands at the first")] : Array.Empty<string>(),
            ],
        };
    }

    /// <summary>What tells a picture from others of its set.</summary>
    public static string Key(ProblemPicture picture) => picture.File ?? picture.Name;

    /// <summary>The id of the sample that shows a picture of the set.</summary>
    public static string IdOf(ProblemPicture picture, string folder) => FileOf(picture, folder).Replace('\\', '/');

    private static string FileOf(ProblemPicture picture, string folder) => picture.File is { } path ? Path.GetRelativePath(folder.Length > 0 ? folder : ".", path) : picture.Name;

    private static DataSample Sample(IReadOnlyList<Problem> problems, string folder, HashSet<string> labels)
    {
        var picture = problems[0].Pictures[0];
        var file = FileOf(picture, folder);
        var (width, height) = Size(picture);
        var objects = problems.SelectMany(problem => problem.Boxes ?? []).Where(box => box.Label.Length > 0).Distinct().ToList();
        var absent = problems.Where(problem => problem.Boxes is { Count: 0 } && problem.Subject is { } subject && labels.Contains(subject)).Select(problem => problem.Subject!).Distinct().ToList();
        return new DataSample(IdOf(picture, folder), file, width, height)
        {
            Objects = objects,
            Phrases = [.. problems.Where(problem => !IsOfClass(problem, labels)).Select(Phrase)],
            Label = problems.Select(problem => problem.Label).FirstOrDefault(label => label is not null),
            // a class that no problem asks for may be there or not
            AbsentLabels = labels.Count > 0 ? absent : null,
            Split = problems[0].Split,
            PictureBytes = picture.Bytes,
            Source = problems[0].Source,
        };
    }

    private static bool IsOfClass(Problem problem, HashSet<string> labels) => problem switch
    {
        { Boxes: { Count: > 0 } boxes } => boxes.All(box => box.Label.Length > 0),
        { Boxes: { Count: 0 }, Subject: { } subject } => labels.Contains(subject),
        _ => problem.Label is not null,
    };

    private static DataPhrase Phrase(Problem problem)
    {
        var text = problem.Subject ?? problem.Prompt.Replace(Problem.PicturePlace, "", StringComparison.Ordinal).ReplaceLineEndings(" ").Trim();
        if (text.Length > LongestPhrase) text = text[..LongestPhrase] + "...";
        return new DataPhrase(text.Length > 0 ? text : problem.Id, [.. (problem.Boxes ?? []).Where(box => box.Label.Length == 0).Select(box => box.Box)])
        {
            Id = problem.Id,
            IsGrounded = problem.Boxes is not null,
            Segmentation = problem.Boxes is [{ Segmentation: { } mask }] ? mask : null,
        };
    }

    private static (int Width, int Height) Size(ProblemPicture picture)
    {
        try
        {
            if (picture.Bytes is null && (picture.File is null || !File.Exists(picture.File))) return default;
            var header = picture.Bytes is { } bytes ? PictureHeader.Read(bytes.Span, picture.Name) : PictureHeader.Read(picture.File!);
            return (header.UprightWidth, header.UprightHeight);
        }
        catch (SightlineException)
        {
            return default; // lint says what is wrong with it
        }
    }

    private static string CommonFolder(IReadOnlyList<Problem> problems)
    {
        string? common = null;
        foreach (var file in problems.SelectMany(problem => problem.Pictures).Select(picture => picture.File).OfType<string>())
        {
            var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
            common ??= folder;
            while (common.Length > 0 && folder != common && !folder.StartsWith(Path.TrimEndingDirectorySeparator(common) + Path.DirectorySeparatorChar, StringComparison.Ordinal)) common = Path.GetDirectoryName(common) ?? "";
        }

        return common ?? "";
    }
}
