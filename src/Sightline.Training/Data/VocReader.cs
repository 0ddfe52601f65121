using System.Globalization;
using System.Text;
using System.Xml;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// Pascal VOC (Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV 2010): one XML a picture, in
/// <c>Annotations</c> beside <c>JPEGImages</c> and <c>ImageSets</c>, or beside the pictures. Coordinates are taken as the
/// edges that they state; VOC's count of pixels from 1 is not undone, since few tools that write the format keep it.
/// </summary>
internal static class VocReader
{
    private static readonly string[] PictureExtensions = [".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".webp"];

    public static DataSet Read(string path, string? pictures)
    {
        var root = File.Exists(path) ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;
        var annotations = AnnotationFolder(root);
        var folder = pictures ?? PictureFolder(root, annotations);
        var files = File.Exists(path) ? [path] : Directory.GetFiles(annotations, "*.xml");
        Array.Sort(files, StringComparer.Ordinal);
        if (files.Length == 0) throw DataFile.Bad(annotations, "no Pascal VOC annotation (*.xml) lies here");
        var splits = ReadSplits(Path.Combine(root, "ImageSets", "Main"));
        var samples = files.Select(f => ReadFile(f, folder, splits)).ToArray();
        return new DataSet
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root))),
            Format = DataFormat.Voc,
            Classes = [.. samples.SelectMany(s => s.Objects).Select(o => o.Label).Distinct().Order(StringComparer.Ordinal)],
            Samples = samples,
            PictureFolder = folder,
        };
    }

    /// <summary>The folder with the XML files of a VOC data set.</summary>
    public static string AnnotationFolder(string root)
    {
        foreach (var name in (ReadOnlySpan<string>)["Annotations", "annotations", "images"])
        {
            var folder = Path.Combine(root, name);
            if (Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.xml").Any()) return folder;
        }

        return root;
    }

    private static string PictureFolder(string root, string annotations)
    {
        foreach (var name in (ReadOnlySpan<string>)["JPEGImages", "images"])
        {
            var folder = Path.Combine(root, name);
            if (Directory.Exists(folder)) return folder;
        }

        return annotations;
    }

    // a name in two lists (val and trainval) belongs to the list that says more
    private static Dictionary<string, string> ReadSplits(string folder)
    {
        var splits = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!Directory.Exists(folder)) return splits;
        foreach (var name in (ReadOnlySpan<string>)["trainval", "train", "val", "test"])
        {
            var file = Path.Combine(folder, name + ".txt");
            if (!File.Exists(file)) continue;
            foreach (var line in DataFile.ReadLines(file))
            {
                var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
                if (words.Length > 0) splits[words[0]] = name;
            }
        }

        return splits;
    }

    private static DataSample ReadFile(string file, string pictureFolder, Dictionary<string, string> splits)
    {
        var stem = Path.GetFileNameWithoutExtension(file);
        var sample = Parse(DataFile.ReadBytes(file), file);
        var picture = sample.PictureFile;
        // the file name beside the XML is what counts: the stated one is often stale
        if (picture.Length == 0 || !File.Exists(Path.Combine(pictureFolder, picture)))
        {
            var found = PictureExtensions.Select(e => stem + e).FirstOrDefault(f => File.Exists(Path.Combine(pictureFolder, f)));
            picture = found ?? (picture.Length > 0 ? picture : stem + ".jpg");
        }

        return sample with { Id = stem, PictureFile = picture, Split = splits.GetValueOrDefault(stem) };
    }

    /// <summary>Parses one annotation.</summary>
    /// <exception cref="SightlineException">BadData with file and line.</exception>
    public static DataSample Parse(byte[] xml, string file)
    {
        var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, IgnoreComments = true, IgnoreWhitespace = true, MaxCharactersInDocument = 64 << 20 };
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(xml), settings);
            reader.MoveToContent();
            if (reader.Name != "annotation") throw Bad(file, reader, $"a Pascal VOC file starts with <annotation>, found <{reader.Name}>");
            var document = new Annotation(file);
            ReadChildren(reader, document.Element);
            return document.ToSample();
        }
        catch (XmlException e)
        {
            throw new SightlineException(ErrorKind.BadData, $"{file}{(e.LineNumber > 0 ? $", line {e.LineNumber}" : "")}: not valid XML ({e.Message})", e);
        }
    }

    private static void ReadChildren(XmlReader reader, Action<XmlReader> element)
    {
        if (reader.IsEmptyElement)
        {
            reader.Read();
            return;
        }

        reader.Read();
        while (reader.NodeType is not (XmlNodeType.EndElement or XmlNodeType.None))
        {
            if (reader.NodeType == XmlNodeType.Element) element(reader);
            else reader.Read();
        }

        if (reader.NodeType == XmlNodeType.EndElement) reader.Read();
    }

    private static SightlineException Bad(string file, XmlReader reader, string what) =>
        new(ErrorKind.BadData, $"{file}, line {((IXmlLineInfo)reader).LineNumber}: {what}");

    private sealed class Annotation(string file)
    {
        private readonly List<LabelledBox> _objects = [];
        private readonly StringBuilder _extra = new();
        private string _picture = "";
        private int _width, _height;

        public void Element(XmlReader reader)
        {
            switch (reader.Name)
            {
                case "filename":
                    _picture = Path.GetFileName(Text(reader).Replace('\\', '/'));
                    break;
                case "size":
                    ReadChildren(reader, Size);
                    break;
                case "object":
                    Object(reader);
                    break;
                default:
                    _extra.Append(reader.ReadOuterXml());
                    break;
            }
        }

        public DataSample ToSample()
        {
            // the size can stand after the objects, so boxes get their frame last
            if (_width <= 0 || _height <= 0) throw DataFile.Bad(file, "the <size> of the picture is missing or not positive");
            var frame = CoordinateFrame.Pixels(_width, _height);
            return new DataSample("", _picture, _width, _height)
            {
                Objects = [.. _objects.Select(o => o with { Box = new Box(o.Box.X1, o.Box.Y1, o.Box.X2, o.Box.Y2, frame) })],
                Extra = _extra.Length == 0 ? null : _extra.ToString(),
                Source = file,
            };
        }

        private void Size(XmlReader reader)
        {
            switch (reader.Name)
            {
                case "width":
                    _width = (int)Number(reader);
                    break;
                case "height":
                    _height = (int)Number(reader);
                    break;
                default:
                    _extra.Append(reader.ReadOuterXml());
                    break;
            }
        }

        private void Object(XmlReader reader)
        {
            var line = ((IXmlLineInfo)reader).LineNumber;
            string? label = null;
            double[]? box = null;
            var (difficult, truncated) = (false, false);
            var extra = new StringBuilder();
            ReadChildren(reader, child =>
            {
                switch (child.Name)
                {
                    case "name":
                        label = Text(child);
                        break;
                    case "difficult":
                        difficult = Flag(child);
                        break;
                    case "truncated":
                        truncated = Flag(child);
                        break;
                    case "bndbox":
                        box = Corners(child);
                        break;
                    default:
                        extra.Append(child.ReadOuterXml());
                        break;
                }
            });
            if (string.IsNullOrEmpty(label)) throw new SightlineException(ErrorKind.BadData, $"{file}, line {line}: an <object> without <name>");
            if (box is null) throw new SightlineException(ErrorKind.BadData, $"{file}, line {line}: the <object> '{label}' has no <bndbox>");
            _objects.Add(new LabelledBox(label, new Box(box[0], box[1], box[2], box[3], default))
            {
                Difficult = difficult,
                Truncated = truncated,
                Extra = extra.Length == 0 ? null : extra.ToString(),
            });
        }

        private double[] Corners(XmlReader reader)
        {
            var line = ((IXmlLineInfo)reader).LineNumber;
            var corners = new double[] { double.NaN, double.NaN, double.NaN, double.NaN };
            ReadChildren(reader, child =>
            {
                var index = child.Name switch { "xmin" => 0, "ymin" => 1, "xmax" => 2, "ymax" => 3, _ => -1 };
                if (index < 0) child.Skip();
                else corners[index] = Number(child);
            });
            return corners.Any(double.IsNaN)
                ? throw new SightlineException(ErrorKind.BadData, $"{file}, line {line}: a <bndbox> needs xmin, ymin, xmax and ymax")
                : corners;
        }

        private string Text(XmlReader reader)
        {
            var name = reader.Name;
            var line = ((IXmlLineInfo)reader).LineNumber;
            try
            {
                return reader.ReadElementContentAsString().Trim();
            }
            catch (XmlException e) when (e.LineNumber == 0 || e.Message.Contains("mixed", StringComparison.OrdinalIgnoreCase))
            {
                throw new SightlineException(ErrorKind.BadData, $"{file}, line {line}: <{name}> holds elements where text is expected", e);
            }
        }

        // VOC also writes "Unspecified" for flags that nobody set
        private bool Flag(XmlReader reader) => Text(reader) is "1" or "true" or "True";

        private double Number(XmlReader reader)
        {
            var name = reader.Name;
            var line = ((IXmlLineInfo)reader).LineNumber;
            var text = Text(reader);
            return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) && Math.Abs(value) < 1e9
                ? value
                : throw new SightlineException(ErrorKind.BadData, $"{file}, line {line}: <{name}> is '{(text.Length > 40 ? text[..40] + "..." : text)}', not a number");
        }
    }
}
