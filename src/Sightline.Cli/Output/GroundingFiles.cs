using System.Globalization;
using Sightline.Grounding;
using Sightline.Training.Data;

namespace Sightline.Cli.Output;

/// <summary>Hands the found regions on: pixels for the next model, boxes for other tools.</summary>
internal static class GroundingFiles
{
    /// <summary>Writes the picture with the boxes on it; missing folders are made.</summary>
    public static void WriteAnnotated(GroundingResult result, string path)
    {
        MakeFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        result.Annotate().Save(path);
    }

    /// <summary>NAME-001-phrase-words.png and so on, in the order of the table: phrase by phrase, best first. Returns the paths.</summary>
    public static IReadOnlyList<string> WriteCrops(GroundingResult result, string folder, string name, double margin)
    {
        Detection[] found = [.. result.Answers.SelectMany(answer => answer.Detections)];
        if (found.Length == 0) MakeFolder(folder);
        return found.Length == 0 ? [] : AtomicFolder.Write(folder, temporary => WriteCrops(result, found, temporary, name, margin));
    }

    private static void WriteCrops(GroundingResult result, Detection[] found, string folder, string name, double margin)
    {
        for (var i = 0; i < found.Length; i++)
        {
            var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{name}-{i + 1:000}-{FileWords(found[i].Phrase)}.png"));
            result.Crop(found[i], margin).Save(path);
        }
    }

    /// <summary>Writes the boxes as a data set of one picture, into folders with a copy of the picture unless that is not wanted. Returns its path.</summary>
    public static string Export(GroundingResult result, string picture, string format, string? path, bool labelsOnly)
    {
        var target = DataFormats.Parse(format);
        var isFolder = DataFormats.IsFolder(target);
        path ??= $"{Path.GetFileNameWithoutExtension(picture)}.{format}";
        if (!isFolder && Path.GetExtension(path) != ".json" && !path.StartsWith("/dev/", StringComparison.Ordinal)) path += ".json"; // by its extension the file is known again
        var full = Path.GetFullPath(picture);
        var data = new DataSet
        {
            Name = Path.GetFileNameWithoutExtension(picture),
            Format = DataFormat.Sightline,
            Classes = [.. result.Answers.Select(answer => answer.Phrase).Distinct()],
            PictureFolder = Path.GetDirectoryName(full)!,
            Samples =
            [
                new DataSample(Path.GetFileName(full), Path.GetFileName(full), result.Picture.Width, result.Picture.Height)
                {
                    Objects = [.. result.Detections.Select(found => new LabelledBox(found.Phrase, found.Box.To(result.Picture.Frame)) { Score = found.Score })],
                },
            ],
        };
        DataConverter.Convert(data, path, target, copyPictures: isFolder && !labelsOnly);
        return path;
    }

    private static void MakeFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"the folder {folder} cannot be made: {error.Message}", error);
        }
    }

    private static string FileWords(string phrase)
    {
        var words = new string([.. phrase.ToLowerInvariant().Select(each => char.IsAsciiLetterOrDigit(each) ? each : '-')]).Trim('-');
        return words.Length == 0 ? "region" : words[..Math.Min(words.Length, 40)].Trim('-');
    }
}
