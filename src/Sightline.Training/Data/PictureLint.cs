using System.Security.Cryptography;
using Sightline.Imaging;

namespace Sightline.Training.Data;

/// <summary>The checks that read picture files.</summary>
internal static class PictureLint
{
    private sealed record Seen(int Index, DataSample Sample, string Hash, PictureFingerprint? Fingerprint);

    public static void Check(DataSet data, LintOptions options, List<LintFinding> findings)
    {
        var found = new (Seen? Seen, LintFinding? Finding)[data.Samples.Count];
        // decoding is what costs; every picture is judged on its own, so the order of threads does not matter
        Parallel.For(0, data.Samples.Count, i => found[i] = Read(data, i, options));
        findings.AddRange(found.Select(f => f.Finding).OfType<LintFinding>());
        var seen = found.Select(f => f.Seen).OfType<Seen>().ToArray();
        // several samples may be about one file: that is no duplicate
        seen = [.. seen.GroupBy(s => s.Sample.PictureFile).SelectMany(g => g.DistinctBy(s => s.Sample.Split))];
        Copies(seen, findings);
        if (options.NearDuplicateBits > 0) NearCopies(seen, options.NearDuplicateBits, findings);
    }

    private static (Seen?, LintFinding?) Read(DataSet data, int index, LintOptions options)
    {
        var sample = data.Samples[index];
        byte[] bytes;
        try
        {
            bytes = data.ReadPictureBytes(sample);
        }
        catch (Exception e) when (e is SightlineException or IOException or UnauthorizedAccessException)
        {
            return (null, new(LintRule.MissingPicture, LintSeverity.Error, sample.Id, $"the picture '{sample.PictureFile}' is not there or cannot be read"));
        }

        try
        {
            var picture = Picture.Decode(bytes, null, sample.PictureFile);
            LintFinding? size = sample.Width > 0 && sample.Height > 0 && (sample.Width != picture.Width || sample.Height != picture.Height)
                ? new(LintRule.WrongSize, LintSeverity.Error, sample.Id, $"the picture is {picture.Width} x {picture.Height}, the annotations say {sample.Width} x {sample.Height}")
                : null;
            PictureFingerprint? fingerprint = options.NearDuplicateBits > 0 ? PictureFingerprint.Of(picture) : null;
            return (new Seen(index, sample, Convert.ToHexString(SHA256.HashData(bytes)), fingerprint), size);
        }
        catch (SightlineException e) when (e.Kind == ErrorKind.BadPicture)
        {
            return (null, new(LintRule.BadPicture, LintSeverity.Error, sample.Id, e.Message));
        }
    }

    private static void Copies(Seen[] seen, List<LintFinding> findings)
    {
        foreach (var group in seen.GroupBy(s => s.Hash).Where(g => g.Count() > 1))
        {
            var first = group.First();
            foreach (var other in group.Skip(1)) Report(first, other, "the same file as", findings);
        }
    }

    private static void NearCopies(Seen[] seen, int bits, List<LintFinding> findings)
    {
        for (var i = 0; i < seen.Length; i++)
        {
            // an almost flat picture looks like every other flat one
            if (seen[i].Fingerprint is not { SetBits: >= 24 } a) continue;
            for (var j = i + 1; j < seen.Length; j++)
            {
                if (seen[j].Fingerprint is { } b && seen[i].Hash != seen[j].Hash && a.DistanceTo(b) is var distance && distance <= bits)
                    Report(seen[i], seen[j], $"nearly the same picture ({distance} of 256 bits differ) as", findings);
            }
        }
    }

    private static void Report(Seen first, Seen other, string what, List<LintFinding> findings)
    {
        var leak = first.Sample.Split is not null && other.Sample.Split is not null && first.Sample.Split != other.Sample.Split;
        findings.Add(leak
            ? new(LintRule.Leakage, LintSeverity.Error, other.Sample.Id, $"'{other.Sample.PictureFile}' ({other.Sample.Split}) is {what} '{first.Sample.PictureFile}' ({first.Sample.Split}): one split leaks into the other")
            : new(LintRule.DuplicatePicture, LintSeverity.Warning, other.Sample.Id, $"'{other.Sample.PictureFile}' is {what} '{first.Sample.PictureFile}'"));
    }
}
