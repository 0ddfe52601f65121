using System.Text.Json;

namespace Sightline.Training.Data;

/// <summary>Finds out which format lies at a path, reads it, and writes any data set in any format.</summary>
public static class DataFormats
{
    /// <summary>The name of a format on the command line: its C# name in lower case.</summary>
    /// <exception cref="SightlineException">Usage: no format has this name.</exception>
    public static DataFormat Parse(string name) =>
        Enum.TryParse<DataFormat>(name, ignoreCase: true, out var format) && Enum.IsDefined(format) && !char.IsAsciiDigit(name[0])
            ? format
            : throw new SightlineException(ErrorKind.Usage, $"no data format is called '{name}'; known: {string.Join(", ", Enum.GetNames<DataFormat>()).ToLowerInvariant()}");

    /// <summary>Reads a data set; see <see cref="DataSet.Open"/>.</summary>
    public static DataSet Read(string path, DataFormat? format = null, string? pictures = null)
    {
        var data = ReadBroken(path, format, pictures);
        if (data.Strays.Count == 0) return data;
        throw DataFile.Bad(path, $"{data.Strays[0]}{(data.Strays.Count > 1 ? $", and {data.Strays.Count - 1} more like it (sightline data lint lists them)" : "")}");
    }

    /// <summary>See <see cref="DataSet.OpenBroken"/>.</summary>
    internal static DataSet ReadBroken(string path, DataFormat? format, string? pictures)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path) && !Directory.Exists(path)) throw new SightlineException(ErrorKind.NotFound, $"there is no data set at {path}");
        if (pictures is not null && !Directory.Exists(pictures)) throw new SightlineException(ErrorKind.NotFound, $"there is no picture folder {pictures}");
        var found = format ?? Detect(path);
        if (ProblemFormats.IsProblems(found)) return ProblemView.Of(Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(path)), found, ProblemFormats.Read(path, found, pictures));
        if (found == DataFormat.Lisa) return LisaReader.Read(path, pictures);
        if (found == DataFormat.Folders) return ClassFolderReader.Read(path, pictures);
        if (found is DataFormat.Voc or DataFormat.Yolo or DataFormat.Flickr30k)
        {
            return found switch
            {
                DataFormat.Voc => VocReader.Read(path, pictures),
                DataFormat.Yolo => YoloReader.Read(path, pictures),
                _ => FlickrReader.Read(path, pictures),
            };
        }

        var file = Directory.Exists(path) ? OnlyJson(path) : path;
        return found switch
        {
            DataFormat.Coco or DataFormat.Lvis => CocoReader.Read(file, pictures, found),
            DataFormat.RefCoco => RefCocoReader.Read(file, pictures),
            DataFormat.Odvg => OdvgReader.Read(file, pictures),
            _ => SightlineReader.Read(file, pictures),
        };
    }

    /// <summary>
    /// Writes a data set. Formats of one file take a file name; VOC, YOLO and Flickr30k take a folder. Pictures are not
    /// copied (see <see cref="DataConverter"/>).
    /// </summary>
    /// <exception cref="SightlineException">CannotWrite, or BadData where a picture's size is needed and not known.</exception>
    public static void Write(DataSet data, string path, DataFormat format)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentException.ThrowIfNullOrEmpty(path);
        switch (format)
        {
            case DataFormat.Lisa or DataFormat.Folders:
                throw new SightlineException(ErrorKind.Usage, $"{DataConverter.Name(format)} is read and not written");
            case DataFormat.VisualRft or DataFormat.VlmR1 or DataFormat.ShareGpt or DataFormat.Problems:
                ProblemFormats.Write(data.Problems ?? throw new SightlineException(ErrorKind.Usage, $"{data.Name} has no problems: make some first"), path, format);
                break;
            case DataFormat.Coco or DataFormat.Lvis:
                CocoWriter.Write(data, path, format);
                break;
            case DataFormat.Voc:
                VocWriter.Write(data, path);
                break;
            case DataFormat.Yolo:
                YoloWriter.Write(data, path);
                break;
            case DataFormat.RefCoco:
                RefCocoWriter.Write(data, path);
                break;
            case DataFormat.Flickr30k:
                FlickrWriter.Write(data, path);
                break;
            case DataFormat.Odvg:
                OdvgWriter.Write(data, path);
                break;
            default:
                SightlineWriter.Write(data, path);
                break;
        }
    }

    /// <summary>False for formats that are only read.</summary>
    public static bool CanWrite(DataFormat format) => format is not (DataFormat.Lisa or DataFormat.Folders);

    /// <summary>True for the formats that are a folder of files.</summary>
    public static bool IsFolder(DataFormat format) => format is DataFormat.Voc or DataFormat.Yolo or DataFormat.Flickr30k;

    /// <summary>The format at a path, from the names and the first tokens of its files.</summary>
    /// <exception cref="SightlineException">BadData: nothing there looks like a known format, or several do.</exception>
    public static DataFormat Detect(string path)
    {
        if (Directory.Exists(path))
        {
            if (Directory.Exists(Path.Combine(path, "Sentences"))) return DataFormat.Flickr30k;
            if (Directory.EnumerateFiles(VocReader.AnnotationFolder(path), "*.xml").Any()) return DataFormat.Voc;
            if (Directory.Exists(Path.Combine(path, "labels")) || File.Exists(Path.Combine(path, "classes.txt")) || YoloReader.FindYaml(path) is not null) return DataFormat.Yolo;
            if (ParquetTable.FilesAt(path).Count > 0) return DataFormat.VisualRft;
            if (LisaReader.IsAt(path)) return DataFormat.Lisa;
            return !HoldsJson(path) && ClassFolderReader.IsAt(path) ? DataFormat.Folders : DetectFile(OnlyJson(path));
        }

        return DetectFile(path);
    }

    private static DataFormat DetectFile(string path)
    {
        switch (Path.GetExtension(path).ToLowerInvariant())
        {
            case ".xml":
                return DataFormat.Voc;
            case ".yaml" or ".yml":
                return DataFormat.Yolo;
            case ".txt":
                return Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(path))) == "Sentences" ? DataFormat.Flickr30k : DataFormat.Yolo;
            case ".parquet":
                return DataFormat.VisualRft;
            case ".jsonl" or ".ndjson":
                return DetectLines(path);
            case ".json":
                return DetectJson(path);
            default:
                throw DataFile.Bad(path, "the extension says no annotation format; name it with --format");
        }
    }

    private static DataFormat DetectLines(string path)
    {
        foreach (var (document, line) in JsonText.ReadLines(path))
        {
            using (document)
            {
                var entry = new JsonEntry(document.RootElement, path, $"line {line}");
                return JsonRecords.Detect(document.RootElement)
                    ?? throw entry.Bad("neither 'picture' (Sightline's JSON lines) nor 'filename' (ODVG), nor 'prompt', 'problem', 'conversations' or 'messages' (problems)");
            }
        }

        throw DataFile.Bad(path, "an empty file");
    }

    private static DataFormat DetectJson(string path)
    {
        using var json = new JsonFileReader(path);
        if (json.Peek() == JsonTokenType.StartArray) return json.ReadFirst() is { } first ? JsonRecords.Detect(first) ?? DataFormat.RefCoco : DataFormat.RefCoco;
        var (lvis, members) = (false, new HashSet<string>(StringComparer.Ordinal));
        json.ReadObject(name =>
        {
            members.Add(name);
            if (name != "images") json.SkipValue();
            else json.ReadArray((image, _) => lvis |= image.ValueKind == JsonValueKind.Object && image.TryGetProperty("neg_category_ids", out var ids) && ids.ValueKind == JsonValueKind.Array);
        });
        return members.Contains("shapes") && members.Contains("text") ? DataFormat.Lisa : lvis ? DataFormat.Lvis : DataFormat.Coco;
    }

    private static bool HoldsJson(string folder) => Directory.EnumerateFiles(folder, "*.json*").Any();

    private static string OnlyJson(string folder)
    {
        foreach (var place in new[] { folder, Path.Combine(folder, "annotations") }.Where(Directory.Exists))
        {
            string[] files = [.. Directory.GetFiles(place, "*.jsonl"), .. Directory.GetFiles(place, "*.json")];
            if (files.Length == 1) return files[0];
            if (files.Length > 1)
                throw DataFile.Bad(place, $"{files.Length} JSON files lie here ({string.Join(", ", files.Take(3).Select(Path.GetFileName))}...); name the one to read");
        }

        throw DataFile.Bad(folder, "no annotation file of a known format lies here (COCO, LVIS, Pascal VOC, YOLO, RefCOCO, Flickr30k Entities, ODVG, Sightline JSON lines, LISA, folders named as classes, Visual-RFT, VLM-R1, ShareGPT)");
    }
}
