using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// Flickr30k Entities (Plummer et al., ICCV 2015): Sentences/NAME.txt holds sentences with phrases in
/// [/EN#id/type words] brackets, Annotations/NAME.xml the boxes of each id. Id 0 marks a phrase that is not visible.
/// Lists train.txt, val.txt and test.txt give the splits.
/// </summary>
internal static class FlickrReader
{
    public static DataSet Read(string path, string? pictures)
    {
        var root = File.Exists(path) ? Path.GetDirectoryName(Path.GetDirectoryName(Path.GetFullPath(path)))! : path;
        var sentences = Path.Combine(root, "Sentences");
        if (!Directory.Exists(sentences)) throw DataFile.Bad(root, "no folder 'Sentences' (Flickr30k Entities)");
        var files = Directory.GetFiles(sentences, "*.txt").Order(StringComparer.Ordinal).ToArray();
        if (files.Length == 0) throw DataFile.Bad(sentences, "no sentence file (*.txt)");
        var folder = pictures ?? new[] { "flickr30k-images", "flickr30k_images", "images", "Images" }.Select(n => Path.Combine(root, n)).FirstOrDefault(Directory.Exists) ?? root;
        var splits = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var split in (ReadOnlySpan<string>)["train", "val", "test"])
        {
            var list = Path.Combine(root, split + ".txt");
            if (!File.Exists(list)) continue;
            foreach (var name in DataFile.ReadLines(list).Select(l => l.Trim()).Where(l => l.Length > 0)) splits[name] = split;
        }

        return new DataSet
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root))),
            Format = DataFormat.Flickr30k,
            Samples = [.. files.Select(f => ReadSample(f, root) is var s ? s with { Split = splits.GetValueOrDefault(s.Id) } : s)],
            PictureFolder = folder,
        };
    }

    private static DataSample ReadSample(string file, string root)
    {
        var stem = Path.GetFileNameWithoutExtension(file);
        var xml = Path.Combine(root, "Annotations", stem + ".xml");
        var annotation = FlickrAnnotation.Read(xml);
        var captions = new List<string>();
        var phrases = new List<DataPhrase>();
        var lines = DataFile.ReadLines(file);
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Trim().Length == 0) continue;
            captions.Add(ParseSentence(lines[i], captions.Count, annotation, phrases, $"{file}, line {i + 1}"));
        }

        return new DataSample(stem, annotation.Picture ?? stem + ".jpg", annotation.Width, annotation.Height)
        {
            Captions = captions,
            Phrases = phrases,
            Extra = annotation.Rest,
            Source = file,
        };
    }

    /// <summary>Takes the brackets out of a sentence and adds its phrases.</summary>
    private static string ParseSentence(string line, int caption, FlickrAnnotation annotation, List<DataPhrase> phrases, string place)
    {
        var text = new StringBuilder();
        for (var at = 0; at < line.Length;)
        {
            var open = line.IndexOf("[/EN#", at, StringComparison.Ordinal);
            if (open < 0)
            {
                text.Append(line, at, line.Length - at);
                break;
            }

            text.Append(line, at, open - at);
            var space = line.IndexOf(' ', open);
            var close = line.IndexOf(']', open);
            if (close < 0 || space < 0 || space > close) throw new SightlineException(ErrorKind.BadData, $"{place}: the bracket at column {open + 1} is not '[/EN#id/type words]'");
            var parts = line[(open + 5)..space].Split('/');
            var words = line[(space + 1)..close];
            var boxes = annotation.Boxes.TryGetValue(parts[0], out var known) ? known : null;
            phrases.Add(new DataPhrase(words, boxes is null ? [] : [.. boxes])
            {
                Id = parts[0],
                Types = parts[1..],
                Caption = caption,
                Start = text.Length,
                IsGrounded = boxes is { Count: > 0 },
            });
            text.Append(words);
            at = close + 1;
        }

        return text.ToString();
    }
}

/// <summary>The boxes of one picture of Flickr30k Entities.</summary>
internal sealed class FlickrAnnotation
{
    public string? Picture { get; private init; }

    public int Width { get; private init; }

    public int Height { get; private init; }

    /// <summary>Boxes by entity id.</summary>
    public Dictionary<string, List<Box>> Boxes { get; } = new(StringComparer.Ordinal);

    /// <summary>Elements that are not boxes of entities (scenes, entities without a box), as XML.</summary>
    public string? Rest { get; private set; }

    public static FlickrAnnotation Read(string file)
    {
        XElement root;
        try
        {
            using var reader = XmlReader.Create(new MemoryStream(DataFile.ReadBytes(file)), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, IgnoreWhitespace = true, MaxCharactersInDocument = 64 << 20 });
            root = XElement.Load(reader, LoadOptions.SetLineInfo);
        }
        catch (XmlException e)
        {
            throw new SightlineException(ErrorKind.BadData, $"{file}{(e.LineNumber > 0 ? $", line {e.LineNumber}" : "")}: not valid XML ({e.Message})", e);
        }

        if (root.Name != "annotation") throw DataFile.Bad(file, $"a Flickr30k Entities file starts with <annotation>, found <{root.Name.LocalName}>");
        var size = root.Element("size") ?? throw DataFile.Bad(file, "the <size> of the picture is missing");
        var annotation = new FlickrAnnotation { Picture = root.Element("filename")?.Value.Trim(), Width = Size(file, size, "width"), Height = Size(file, size, "height") };
        var frame = CoordinateFrame.Pixels(annotation.Width, annotation.Height);
        var rest = new StringBuilder();
        foreach (var element in root.Elements())
        {
            if (element.Name == "object" && element.Element("bndbox") is { } b)
            {
                var box = new Box(Number(file, b, "xmin"), Number(file, b, "ymin"), Number(file, b, "xmax"), Number(file, b, "ymax"), frame);
                foreach (var name in element.Elements("name").Select(n => n.Value.Trim()))
                {
                    if (!annotation.Boxes.TryGetValue(name, out var boxes)) annotation.Boxes[name] = boxes = [];
                    boxes.Add(box);
                }
            }
            else if (element.Name != "filename" && element.Name != "size") rest.Append(element.ToString(SaveOptions.DisableFormatting));
        }

        annotation.Rest = rest.Length == 0 ? null : rest.ToString();
        return annotation;
    }

    private static int Size(string file, XElement parent, string name) =>
        Number(file, parent, name) is >= 1 and <= 1 << 24 and var value ? (int)value : throw Bad(file, parent, $"<{name}> is not a size in pixels");

    private static double Number(string file, XElement parent, string name) =>
        double.TryParse(parent.Element(name)?.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
            ? value
            : throw Bad(file, parent, $"<{name}> in <{parent.Name.LocalName}> is missing or not a number");

    private static SightlineException Bad(string file, XElement at, string what) =>
        new(ErrorKind.BadData, $"{file}, line {((IXmlLineInfo)at).LineNumber}: {what}");
}
