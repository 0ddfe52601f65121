using System.Globalization;
using System.Xml;

namespace Sightline.Training.Data;

/// <summary>Writes Pascal VOC: Annotations/NAME.xml, and ImageSets/Main where samples have a split. Elements that a VOC file held are written back.</summary>
internal static class VocWriter
{
    public static void Write(DataSet data, string folder)
    {
        foreach (var sample in data.Samples)
        {
            var stem = Path.ChangeExtension(sample.PictureFile, null);
            AtomicFile.Write(Path.Combine(folder, "Annotations", stem + ".xml"), stream => Annotation(stream, data, sample));
        }

        foreach (var split in data.Splits)
        {
            var names = data.Samples.Where(s => s.Split == split).Select(s => Path.ChangeExtension(s.PictureFile, null) + "\n");
            DataFile.WriteText(Path.Combine(folder, "ImageSets", "Main", split + ".txt"), string.Concat(names));
        }
    }

    private static void Annotation(Stream stream, DataSet data, DataSample sample)
    {
        using var xml = XmlWriter.Create(stream, new XmlWriterSettings { Indent = true, IndentChars = "\t", OmitXmlDeclaration = true, Encoding = DataFile.Utf8, NewLineChars = "\n" });
        var same = data.Format == DataFormat.Voc;
        xml.WriteStartElement("annotation");
        xml.WriteElementString("filename", Path.GetFileName(sample.PictureFile));
        if (same) Elements(xml, sample.Extra, name => name != "depth");
        xml.WriteStartElement("size");
        Number(xml, "width", sample.Frame.Width);
        Number(xml, "height", sample.Frame.Height);
        if (same) Elements(xml, sample.Extra, name => name == "depth");
        else Number(xml, "depth", 3);
        xml.WriteEndElement();
        foreach (var o in sample.Objects) Object(xml, o, sample, same);
        xml.WriteEndElement();
    }

    private static void Object(XmlWriter xml, LabelledBox o, DataSample sample, bool same)
    {
        var box = same ? o.Box : o.Box.To(sample.Frame);
        xml.WriteStartElement("object");
        xml.WriteElementString("name", o.Label);
        Number(xml, "truncated", o.Truncated ? 1 : 0);
        // a crowd is no single object: VOC's nearest word for "do not count" is difficult
        Number(xml, "difficult", o.Difficult || o.Crowd ? 1 : 0);
        if (same) Elements(xml, o.Extra, _ => true);
        xml.WriteStartElement("bndbox");
        Number(xml, "xmin", box.X1);
        Number(xml, "ymin", box.Y1);
        Number(xml, "xmax", box.X2);
        Number(xml, "ymax", box.Y2);
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static void Number(XmlWriter xml, string name, double value) => xml.WriteElementString(name, value.ToString("R", CultureInfo.InvariantCulture));

    /// <summary>Writes kept elements again.</summary>
    internal static void Elements(XmlWriter xml, string? kept, Func<string, bool> wanted)
    {
        if (kept is null) return;
        using var reader = XmlReader.Create(new StringReader(kept), new XmlReaderSettings { ConformanceLevel = ConformanceLevel.Fragment, DtdProcessing = DtdProcessing.Prohibit, IgnoreWhitespace = true });
        reader.Read();
        while (!reader.EOF)
        {
            if (reader.NodeType == XmlNodeType.Element && wanted(reader.Name)) xml.WriteNode(reader, defattr: false);
            else if (reader.NodeType == XmlNodeType.Element) reader.Skip();
            else reader.Read();
        }
    }
}
