using Sightline.Training.Distributed;

namespace Sightline.Training.Grounding;

/// <summary>The two sides of a contrastive batch.</summary>
/// <param name="Phrases">Distinct phrases by picture, the caption of the whole last.</param>
/// <param name="Regions">Boxes with the phrases that mean them.</param>
public sealed record ContrastPairs(IReadOnlyList<List<string>> Phrases, IReadOnlyList<(int Picture, CanvasBox Box, HashSet<string> Phrases)> Regions)
{
    /// <summary>The pairs of all ranks' pictures, those of rank 0 first: as if one process had paired them.</summary>
    internal static ContrastPairs Gather(Communicator ranks, ContrastPairs own)
    {
        if (ranks.Size == 1) return own;
        var phrases = new List<List<string>>();
        var regions = new List<(int, CanvasBox, HashSet<string>)>();
        foreach (var part in ranks.Gather(own.ToBytes()).Select(Read))
        {
            regions.AddRange(part.Regions.Select(region => (region.Picture + phrases.Count, region.Box, region.Phrases)));
            phrases.AddRange(part.Phrases);
        }

        return new ContrastPairs(phrases, regions);
    }

    private byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(Phrases.Count);
        foreach (var own in Phrases) Write(writer, own);
        writer.Write(Regions.Count);
        foreach (var (picture, box, means) in Regions)
        {
            writer.Write(picture);
            foreach (var edge in (ReadOnlySpan<float>)[box.X1, box.Y1, box.X2, box.Y2]) writer.Write(edge);
            Write(writer, means);
        }

        return stream.ToArray();
    }

    private static ContrastPairs Read(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        var phrases = new List<List<string>>();
        for (var left = reader.ReadInt32(); left > 0; left--) phrases.Add([.. ReadTexts(reader)]);
        var regions = new List<(int, CanvasBox, HashSet<string>)>();
        for (var left = reader.ReadInt32(); left > 0; left--)
            regions.Add((reader.ReadInt32(), new CanvasBox(reader.ReadSingle(), reader.ReadSingle(), reader.ReadSingle(), reader.ReadSingle()), [.. ReadTexts(reader)]));
        return new ContrastPairs(phrases, regions);
    }

    private static void Write(BinaryWriter writer, IReadOnlyCollection<string> texts)
    {
        writer.Write(texts.Count);
        foreach (var text in texts) writer.Write(text);
    }

    private static IEnumerable<string> ReadTexts(BinaryReader reader)
    {
        for (var left = reader.ReadInt32(); left > 0; left--) yield return reader.ReadString();
    }
}
