using System.Globalization;
using System.Text;
using System.Xml;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// Writes Flickr30k Entities: Sentences and Annotations. Phrases that belong to no sentence become sentences of their own.
/// </summary>
internal static class FlickrWriter
{
    public static void Write(DataSet data, string folder)
    {
        var next = 1 + data.Samples.SelectMany(s => s.Phrases).Max(p => long.TryParse(p.Id, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id < 1L << 60 ? (long?)id : 0) ?? 1;
        foreach (var original in data.Samples)
        {
            var sample = Complete(original, ref next);
            var stem = data.Format == DataFormat.Flickr30k ? sample.Id : Path.GetFileNameWithoutExtension(sample.PictureFile);
            DataFile.WriteText(Path.Combine(folder, "Sentences", stem + ".txt"), Sentences(sample));
            AtomicFile.Write(Path.Combine(folder, "Annotations", stem + ".xml"), stream => Annotation(stream, sample, data.Format == DataFormat.Flickr30k));
        }

        foreach (var split in data.Splits)
        {
            DataFile.WriteText(Path.Combine(folder, split + ".txt"), string.Concat(data.Samples.Where(s => s.Split == split).Select(s => Path.GetFileNameWithoutExtension(s.PictureFile) + "\n")));
        }
    }

    /// <summary>Gives every phrase a sentence, a place in it and an entity id.</summary>
    private static DataSample Complete(DataSample sample, ref long next)
    {
        var captions = sample.Captions.ToList();
        var phrases = new List<DataPhrase>(sample.Phrases.Count);
        // phrases may share an entity only where they share its boxes
        var usable = sample.Phrases.Where(p => p.Id is { Length: > 0 } id && id.All(char.IsAsciiDigit)).GroupBy(p => p.Id!)
            .Where(g => g.All(p => p.Boxes.SequenceEqual(g.First().Boxes))).Select(g => g.Key).ToHashSet(StringComparer.Ordinal);
        foreach (var p in sample.Phrases)
        {
            var placed = p;
            if (p.Caption is not { } c || c < 0 || c >= captions.Count || p.Start is not { } s || s < 0 || s + p.Text.Length > captions[c].Length
                || string.CompareOrdinal(captions[c], s, p.Text, 0, p.Text.Length) != 0)
            {
                captions.Add(p.Text);
                placed = p with { Caption = captions.Count - 1, Start = 0 };
            }

            phrases.Add(placed.Id is { } id && usable.Contains(id) ? placed : placed with { Id = (next++).ToString(CultureInfo.InvariantCulture) });
        }

        return sample with { Captions = captions, Phrases = phrases };
    }

    private static string Sentences(DataSample sample)
    {
        var text = new StringBuilder();
        for (var i = 0; i < sample.Captions.Count; i++)
        {
            var at = 0;
            foreach (var p in sample.Phrases.Where(p => p.Caption == i).OrderBy(p => p.Start))
            {
                if (p.Start < at) continue; // brackets cannot overlap
                text.Append(sample.Captions[i], at, p.Start!.Value - at);
                text.Append("[/EN#").Append(p.Id);
                foreach (var type in p.Types) text.Append('/').Append(type);
                if (p.Types.Count == 0) text.Append("/other");
                text.Append(' ').Append(p.Text).Append(']');
                at = p.Start!.Value + p.Text.Length;
            }

            text.Append(sample.Captions[i], at, sample.Captions[i].Length - at).Append('\n');
        }

        return text.ToString();
    }

    private static void Annotation(Stream stream, DataSample sample, bool same)
    {
        using var xml = XmlWriter.Create(stream, new XmlWriterSettings { Indent = true, OmitXmlDeclaration = true, Encoding = DataFile.Utf8, NewLineChars = "\n" });
        xml.WriteStartElement("annotation");
        xml.WriteElementString("filename", Path.GetFileName(sample.PictureFile));
        xml.WriteStartElement("size");
        Number(xml, "width", sample.Frame.Width);
        Number(xml, "height", sample.Frame.Height);
        Number(xml, "depth", 3);
        xml.WriteEndElement();
        // one object a box, with the names of all entities that share it
        var names = new Dictionary<Box, List<string>>();
        var order = new List<Box>();
        foreach (var phrase in sample.Phrases)
        {
            foreach (var box in phrase.Boxes.Select(b => b.To(sample.Frame)))
            {
                if (!names.TryGetValue(box, out var list))
                {
                    names[box] = list = [];
                    order.Add(box);
                }

                if (!list.Contains(phrase.Id!)) list.Add(phrase.Id!);
            }
        }

        foreach (var box in order) Object(xml, box, names[box]);
        if (same) VocWriter.Elements(xml, sample.Extra, _ => true);
        xml.WriteEndElement();
    }

    private static void Object(XmlWriter xml, Box box, List<string> names)
    {
        xml.WriteStartElement("object");
        foreach (var name in names) xml.WriteElementString("name", name);
        xml.WriteStartElement("bndbox");
        Number(xml, "xmin", box.X1);
        Number(xml, "ymin", box.Y1);
        Number(xml, "xmax", box.X2);
        Number(xml, "ymax", box.Y2);
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static void Number(XmlWriter xml, string name, double value) => xml.WriteElementString(name, value.ToString("R", CultureInfo.InvariantCulture));
}
