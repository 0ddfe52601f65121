namespace Sightline.Training.Data;

/// <summary>What a conversion did.</summary>
/// <param name="Output">The file or folder that was written.</param>
/// <param name="Format">Its format.</param>
/// <param name="Samples">Pictures written.</param>
/// <param name="Objects">Labelled boxes written.</param>
/// <param name="Phrases">Phrases written.</param>
/// <param name="Losses">What the target format cannot hold, one clear sentence each; empty when nothing was lost.</param>
public sealed record ConversionResult(string Output, DataFormat Format, int Samples, int Objects, int Phrases, IReadOnlyList<string> Losses)
{
    /// <summary>Pictures that are not found from what was written: it lies in another folder, and they were not copied.</summary>
    public int MissingPictures { get; init; }
}

/// <summary>Turns a data set into another format, and says what that format cannot hold.</summary>
public static class DataConverter
{
    private const DataFormat Own = DataFormat.Sightline;

    /// <summary>Writes a data set in a format.</summary>
    /// <param name="data">What to write.</param>
    /// <param name="output">A file name, or a folder for VOC, YOLO and Flickr30k.</param>
    /// <param name="format">The format to write.</param>
    /// <param name="copyPictures">True to copy the pictures beside the annotations, in the folder that the format expects.</param>
    /// <exception cref="SightlineException">CannotWrite; BadData where a needed picture size is not known; NotFound for a picture to copy.</exception>
    public static ConversionResult Convert(DataSet data, string output, DataFormat format, bool copyPictures = false)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (DataFormats.IsFolder(format) && File.Exists(output)) throw new SightlineException(ErrorKind.Usage, $"{output} is a file; {Name(format)} is written into a folder");
        if (!DataFormats.IsFolder(format) && Directory.Exists(output)) throw new SightlineException(ErrorKind.Usage, $"{output} is a folder; {Name(format)} is written into one file");
        if (data.Samples.Count == 0) throw new SightlineException(ErrorKind.BadData, $"{data.Name} has no samples to write");
        var result = new ConversionResult(
            output,
            format,
            data.Samples.Count(s => format != DataFormat.RefCoco || s.Phrases.Any(p => HoldsPhrase(format, p))),
            HoldsObjects(format) ? data.Samples.Sum(s => s.Objects.Count) : 0,
            data.Samples.Sum(s => s.Phrases.Count(p => HoldsPhrase(format, p))),
            Losses(data, format));
        if (result.Samples == 0 || (result.Objects + result.Phrases == 0 && data.Samples.Any(s => s.Objects.Count + s.Phrases.Count > 0)))
        {
            throw new SightlineException(
                ErrorKind.BadData,
                $"nothing of {data.Name} can be written as {Name(format)}: {(result.Losses.Count > 0 ? string.Join("; ", result.Losses) : "no picture has a phrase")}");
        }

        if (format == Own && !copyPictures) data = Reachable(data, output);
        Write(data, output, format, copyPictures);
        return result with
        {
            MissingPictures = DataFormats.IsFolder(format)
                ? data.Samples.Count(sample => sample.PictureFile.Length > 0 && !File.Exists(Path.Combine(output, PicturePlace(format), sample.PictureFile)))
                : copyPictures || format == Own ? 0 : Lost(data, output).Count,
        };
    }

    /// <summary>The set with its pictures named relative to the file that is written, where they would not be found from there by their own names.</summary>
    private static DataSet Reachable(DataSet data, string output)
    {
        if (Lost(data, output).Count == 0) return data;
        var root = Path.GetDirectoryName(Path.GetFullPath(output))!;
        return data with
        {
            Samples = [.. data.Samples.Select(sample => data.ResolvePicture(sample) is { } file ? sample with { PictureFile = Path.GetRelativePath(root, Path.GetFullPath(file)).Replace('\\', '/') } : sample)],
            PictureFolder = root,
        };
    }

    /// <summary>The samples whose pictures are there now and would not be found by someone who reads <paramref name="output"/>.</summary>
    private static List<DataSample> Lost(DataSet data, string output)
    {
        var folder = CocoReader.FindPictures(output, data.Samples.Select(sample => sample.PictureFile));
        return [.. data.Samples.Where(sample => data.ResolvePicture(sample) is not null && !File.Exists(Path.Combine(folder, sample.PictureFile)))];
    }

    /// <summary>The folder, beside the annotations, in which a format expects its pictures.</summary>
    public static string PicturePlace(DataFormat format) => format switch
    {
        DataFormat.Voc => "JPEGImages",
        DataFormat.Flickr30k => "flickr30k-images",
        _ => "images",
    };

    /// <summary>The format as people spell it.</summary>
    internal static string Name(DataFormat format) => format switch
    {
        DataFormat.Coco => "COCO",
        DataFormat.Lvis => "LVIS",
        DataFormat.Voc => "Pascal VOC",
        DataFormat.Yolo => "YOLO",
        DataFormat.RefCoco => "RefCOCO",
        DataFormat.Flickr30k => "Flickr30k Entities",
        DataFormat.Odvg => "ODVG",
        DataFormat.Lisa => "LISA",
        DataFormat.Folders => "folders named as classes",
        DataFormat.VisualRft => "Visual-RFT",
        DataFormat.VlmR1 => "VLM-R1",
        DataFormat.ShareGpt => "ShareGPT",
        DataFormat.Problems => "Sightline's problems",
        _ => "Sightline JSON lines",
    };

    /// <summary>Labels and pictures come together or not at all.</summary>
    private static void Write(DataSet data, string output, DataFormat format, bool copyPictures)
    {
        if (!copyPictures && !DataFormats.IsFolder(format))
        {
            DataFormats.Write(data, output, format);
            return;
        }

        var root = DataFormats.IsFolder(format) ? output : Path.GetDirectoryName(Path.GetFullPath(output))!;
        AtomicFolder.Write(root, temporary =>
        {
            DataFormats.Write(data, DataFormats.IsFolder(format) ? temporary : Path.Combine(temporary, Path.GetFileName(output)), format);
            if (copyPictures) Copy(data, root, temporary, format);
        });
    }

    private static bool HoldsPhrase(DataFormat format, DataPhrase phrase) => HoldsPhrases(format)
        && (phrase.Boxes.Count > 0 || (phrase.IsGrounded ? format is DataFormat.RefCoco or Own : format is DataFormat.Flickr30k or Own));

    private static bool HoldsObjects(DataFormat format) => format is not (DataFormat.RefCoco or DataFormat.Flickr30k);

    private static bool HoldsPhrases(DataFormat format) => format is DataFormat.RefCoco or DataFormat.Flickr30k or DataFormat.Odvg or Own;

    private static List<string> Losses(DataSet data, DataFormat format)
    {
        var losses = new List<string>();
        var objects = data.Samples.SelectMany(s => s.Objects).ToArray();
        var phrases = data.Samples.SelectMany(s => s.Phrases).ToArray();
        Note(objects.Length, HoldsObjects(format), "labelled boxes");
        Note(phrases.Length, HoldsPhrases(format), "phrases");
        if (HoldsObjects(format))
        {
            Note(objects.Count(o => o.Crowd), format is DataFormat.Coco or DataFormat.Lvis or Own, format == DataFormat.Voc ? "crowd marks (difficult stands for them)" : "crowd marks");
            Note(objects.Count(o => o.Difficult), format is DataFormat.Voc or Own, "difficult marks");
            Note(objects.Count(o => o.Truncated), format is DataFormat.Voc or Own, "truncated marks");
            Note(objects.Count(o => o.Segmentation is not null), format is DataFormat.Coco or DataFormat.Lvis or Own, "masks");
        }

        if (HoldsPhrases(format))
        {
            Note(phrases.Count(p => p.Boxes.Count == 0 && p.IsGrounded), format is DataFormat.RefCoco or Own, "phrases that match nothing");
            Note(phrases.Count(p => !p.IsGrounded), format is DataFormat.Flickr30k or Own, "phrases that no box is given for");
        }

        if (format != data.Format)
        {
            // a label file of YOLO says neither: they come from the pictures
            var guessed = data.Format == DataFormat.Yolo ? data.Samples.Count(s => s.Width <= 0 && data.ResolvePicture(s) is null) : 0;
            if (guessed > 0) losses.Add($"pictures: {guessed} are not in '{data.PictureFolder}', so that their sizes are not known and the ends of their names (.jpg) are guessed; give their folder");
        }

        Note(data.Samples.Count(s => s.Label is not null), format is Own, "labels of whole pictures");
        Note(phrases.Count(p => p.Segmentation is not null), format is Own || !HoldsPhrases(format), "masks of phrases");
        Note(data.Samples.Count(s => s.Split is not null), format is DataFormat.Voc or DataFormat.Flickr30k or Own || format == data.Format, "split marks");
        Note(data.Samples.Count(s => s.Captions.Count > 0), format is DataFormat.Flickr30k or DataFormat.Odvg or Own, "pictures with sentences");
        Note(data.Samples.Count(s => s.AbsentLabels is not null || s.IncompleteLabels is not null), format is DataFormat.Lvis or Own, "lists of absent and incomplete classes");
        if (format != data.Format)
            Note(data.Samples.Count(s => s.Extra is not null || s.Objects.Any(o => o.Extra is not null) || s.Phrases.Any(p => p.Extra is not null)), false, $"pictures with fields that only {Name(data.Format)} has");
        if (format == DataFormat.RefCoco) Note(data.Samples.Count(s => s.Phrases.Count == 0), false, "pictures without phrases");
        return losses;

        void Note(int count, bool held, string what)
        {
            if (count > 0 && !held) losses.Add($"{what}: {count} not written, {Name(format)} has no place for them");
        }
    }

    private static void Copy(DataSet data, string root, string temporary, DataFormat format)
    {
        var place = PicturePlace(format);
        var folder = Path.Combine(temporary, place);
        foreach (var sample in data.Samples)
        {
            var target = Path.GetFullPath(Path.Combine(folder, sample.PictureFile));
            // a hostile annotation file must not make us write anywhere else
            if (!target.StartsWith(Path.GetFullPath(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                throw new SightlineException(ErrorKind.BadData, $"{sample.Source ?? sample.Id}: the picture name '{sample.PictureFile}' leads out of its folder and is not copied");
            if (File.Exists(target) || File.Exists(Path.Combine(root, place, sample.PictureFile))) continue;
            var bytes = data.ReadPictureBytes(sample);
            AtomicFile.Write(target, s => s.Write(bytes));
        }
    }
}
