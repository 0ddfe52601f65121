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

    /// <summary>NAME-001-phrase-words.png and so on, best first. Returns the paths.</summary>
    public static IEnumerable<string> WriteCrops(GroundingResult result, string folder, string name, double margin)
    {
        MakeFolder(folder);
        var paths = new List<string>();
        for (var i = 0; i < result.Detections.Count; i++)
        {
            var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{name}-{i + 1:000}-{FileWords(result.Detections[i].Phrase)}.png"));
            result.Crop(result.Detections[i], margin).Save(path);
            paths.Add(path);
        }

        return paths;
    }

    /// <summary>Writes the boxes as a data set of one picture. Returns its path.</summary>
    public static string Export(GroundingResult result, string picture, string format, string? path)
    {
        var target = DataFormats.Parse(format);
        path ??= $"{Path.GetFileNameWithoutExtension(picture)}.{format}{(DataFormats.IsFolder(target) ? "" : ".json")}";
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
                    Objects = [.. result.Detections.Select(found => new LabelledBox(found.Phrase, found.Box.To(result.Picture.Frame)))],
                },
            ],
        };
        DataFormats.Write(data, path, target);
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
