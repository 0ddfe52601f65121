namespace Sightline.Training.Data;

/// <summary>The formats that hold problems, and the way between them and files.</summary>
public static class ProblemFormats
{
    /// <summary>Whether a format holds problems (a question and its solution or answer) and not annotations.</summary>
    public static bool IsProblems(DataFormat format) => format is DataFormat.VisualRft or DataFormat.VlmR1 or DataFormat.ShareGpt or DataFormat.Problems;

    /// <summary>Reads problems.</summary>
    /// <param name="path">A file, or a folder of Parquet files.</param>
    /// <param name="format">The format; null to find out.</param>
    /// <param name="pictures">The folder with the pictures, when they lie elsewhere.</param>
    /// <exception cref="SightlineException">NotFound or BadData, naming file and entry; Usage: the data is of boxes and phrases, not of problems.</exception>
    public static IReadOnlyList<Problem> Read(string path, DataFormat? format = null, string? pictures = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path) && !Directory.Exists(path)) throw new SightlineException(ErrorKind.NotFound, $"there are no problems at {path}");
        var found = format ?? DataFormats.Detect(path);
        var problems = found switch
        {
            DataFormat.VisualRft => VisualRftReader.Read(path, pictures),
            DataFormat.VlmR1 => VlmR1Reader.Read(path, pictures),
            DataFormat.ShareGpt => ShareGptReader.Read(path, pictures),
            DataFormat.Problems => [.. ProblemReader.Read(path, pictures)],
            _ => throw new SightlineException(ErrorKind.Usage, $"{path} is a data set ({DataConverter.Name(found)}) and holds no problems: make some with 'sightline data convert {path} problems.jsonl --to problems'"),
        };
        return problems.Count > 0 ? problems : throw DataFile.Bad(path, "no problem");
    }

    /// <summary>Writes problems; pictures in files are named relative to the output.</summary>
    /// <param name="problems">What to write.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="format">A format of problems.</param>
    /// <param name="copyPictures">True to copy the pictures into <c>images</c> beside the file; pictures in memory need it.</param>
    /// <exception cref="SightlineException">CannotWrite; BadData: a problem lacks what the format needs; NotFound for a picture to copy.</exception>
    public static void Write(IReadOnlyList<Problem> problems, string path, DataFormat format, bool copyPictures = false)
    {
        ArgumentNullException.ThrowIfNull(problems);
        if (!IsProblems(format)) throw new ArgumentException($"{format} holds no problems", nameof(format));
        var root = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!copyPictures)
        {
            ProblemWriter.Write(problems, path, format, picture => picture.File is { } file
                ? Path.GetRelativePath(root, file).Replace('\\', '/')
                : throw new SightlineException(ErrorKind.BadData, $"the picture {picture.Name} lies inside the data and not in a file of its own: copy the pictures, too"));
            return;
        }

        AtomicFolder.Write(root, temporary =>
        {
            var names = new CopiedNames(Path.Combine(temporary, "images"), Path.Combine(root, "images"));
            ProblemWriter.Write(problems, Path.Combine(temporary, Path.GetFileName(path)), format, names.Copy);
        });
    }

    /// <summary>Copies each picture once, under a name that no other has.</summary>
    private sealed class CopiedNames(string folder, string there)
    {
        private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
        private readonly HashSet<string> _taken = new(StringComparer.OrdinalIgnoreCase);

        public string Copy(ProblemPicture picture)
        {
            if (_names.TryGetValue(ProblemView.Key(picture), out var known)) return known;
            var bytes = picture.Bytes is { } encoded ? encoded.ToArray() : DataFile.ReadBytes(picture.File ?? throw new SightlineException(ErrorKind.BadData, $"the picture {picture.Name} has no file to copy"));
            var name = Free(Path.GetFileName(picture.Name.Replace('\\', '/').TrimEnd('/')), bytes);
            var target = Path.Combine(folder, name);
            // what lies there already is the same picture, or of another name (Free)
            if (!File.Exists(Path.Combine(there, name))) AtomicFile.Write(target, stream => stream.Write(bytes));
            return _names[ProblemView.Key(picture)] = $"images/{name}";
        }

        private string Free(string name, byte[] bytes)
        {
            if (name.Length == 0 || name is "." or "..") name = "picture";
            if (Path.GetExtension(name).Length == 0) name += Extension(bytes);
            var (stem, extension) = (Path.GetFileNameWithoutExtension(name), Path.GetExtension(name));
            for (var i = 1; !_taken.Add(name) || IsOther(Path.Combine(there, name), bytes); i++) name = FormattableString.Invariant($"{stem}-{i}{extension}");
            return name;
        }

        private static bool IsOther(string path, byte[] bytes) => File.Exists(path) && !DataFile.ReadBytes(path).AsSpan().SequenceEqual(bytes);

        private static string Extension(byte[] bytes) => bytes.AsSpan() switch
        {
            [0xFF, 0xD8, ..] => ".jpg",
            [0x89, (byte)'P', ..] => ".png",
            [(byte)'R', (byte)'I', (byte)'F', (byte)'F', ..] => ".webp",
            [(byte)'B', (byte)'M', ..] => ".bmp",
            _ => ".picture",
        };
    }
}
