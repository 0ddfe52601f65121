using System.Globalization;
using System.Text;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>Writes a YOLO folder: labels/NAME.txt, classes.txt and data.yaml. The format holds boxes (or polygons) and class numbers, nothing else.</summary>
internal static class YoloWriter
{
    public static void Write(DataSet data, string folder)
    {
        var classes = data.Classes.Concat(data.Samples.SelectMany(s => s.Objects).Select(o => o.Label)).Distinct(StringComparer.Ordinal).ToList();
        var numbers = classes.Select((name, i) => (name, i)).ToDictionary(p => p.name, p => p.i, StringComparer.Ordinal);
        foreach (var sample in data.Samples)
        {
            var text = new StringBuilder();
            foreach (var o in sample.Objects) text.Append(Line(o, numbers[o.Label], data.Format == DataFormat.Yolo)).Append('\n');
            DataFile.WriteText(Path.Combine(folder, "labels", Path.ChangeExtension(sample.PictureFile, ".txt")), text.ToString());
        }

        DataFile.WriteText(Path.Combine(folder, "classes.txt"), string.Concat(classes.Select(c => c + "\n")));
        var yaml = new StringBuilder("path: .\n").Append(Splits(data)).Append("names:\n");
        for (var i = 0; i < classes.Count; i++) yaml.Append(CultureInfo.InvariantCulture, $"  {i}: '{classes[i].Replace("'", "''", StringComparison.Ordinal)}'\n");
        DataFile.WriteText(Path.Combine(folder, "data.yaml"), yaml.ToString());
    }

    /// <summary>
    /// The splits that there are: by folders where pictures lie in images/SPLIT, as the format has them; else all in one, since the same pictures under train and
    /// val would be measured by what was learned by heart.
    /// </summary>
    private static string Splits(DataSet data)
    {
        string[] splits = data.Samples.All(sample => sample.Split is { } split && sample.PictureFile.StartsWith(split + "/", StringComparison.Ordinal)) ? [.. data.Splits] : [];
        if (splits.Length > 0) return string.Concat(splits.Select(split => $"{split}: images/{split}\n"));
        return $"{(data.Splits is [var only] && data.Samples.All(sample => sample.Split is not null) ? only : "train")}: images\n";
    }

    private static string Line(LabelledBox o, int number, bool keepPolygon)
    {
        if (keepPolygon && o.Extra is not null) return $"{number} {o.Extra}";
        var (x, y, width, height) = ShortNumber.Center(o.Box.To(CoordinateFrame.Unit));
        return string.Create(CultureInfo.InvariantCulture, $"{number} {x:0.#################} {y:0.#################} {width:0.#################} {height:0.#################}");
    }
}
