using Sightline.Imaging;

namespace Sightline.Cli.Tests.Commands;

/// <summary>Small labelled sets for each of Visual-RFT's tasks, in a folder that goes away.</summary>
internal sealed class TinySets : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public string At(string name) => Path.Combine(_folder, name);

    private void Save(string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        var rgb = new byte[64 * 48 * 3];
        for (var p = 0; p < rgb.Length; p++) rgb[p] = (byte)((p * 3) ^ (p >> 5) ^ name[0]);
        new Picture(64, 48, rgb).Save(At(name));
    }

    public string Cells()
    {
        foreach (var name in (string[])["a.png", "b.png", "c.png"]) Save(name);
        return Written("cells.jsonl", """
            {"classes": ["cell", "star"]}
            {"picture": "a.png", "width": 64, "height": 48, "frame": "pixels", "objects": [{"label": "cell", "box": [4, 5, 34, 27]}]}
            {"picture": "b.png", "width": 64, "height": 48, "frame": "pixels", "objects": [{"label": "star", "box": [0, 0, 60, 40]}]}
            {"picture": "c.png", "width": 64, "height": 48, "frame": "pixels", "objects": [{"label": "cell", "box": [1, 1, 30, 30]}, {"label": "star", "box": [20, 20, 60, 40]}]}
            """);
    }

    public string Phrases()
    {
        Save("a.png");
        return Written("phrases.jsonl", """
            {"picture": "a.png", "width": 64, "height": 48, "phrase": "the left cell", "boxes": [[4, 5, 34, 27]], "frame": "pixels"}
            {"picture": "a.png", "width": 64, "height": 48, "phrase": "a dog", "boxes": [], "frame": "pixels"}
            """);
    }

    public string Lisa()
    {
        foreach (var (number, text) in new[] { (0, "the thing on the left"), (1, "what one drinks from") })
        {
            Save($"lisa/{number}.png");
            Written($"lisa/{number}.json", $$"""{"text": ["{{text}}"], "is_sentence": true, "shapes": [{"label": "target", "points": [[0, 0], [20, 0], [20, 20], [0, 20]]}]}""");
        }

        return At("lisa");
    }

    public string Folders()
    {
        foreach (var name in (string[])["flowers/daisy/1.png", "flowers/daisy/2.png", "flowers/rose/1.png", "flowers/rose/2.png"]) Save(name);
        return At("flowers");
    }

    private string Written(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }
}
