using System.Globalization;
using System.Security.Cryptography;
using Sightline.Nn;
using Sightline.Training.Data;

namespace Sightline.Training.Distributed;

/// <summary>What all ranks must have alike before they work together: each reads its own copy, and none would notice that another's differs.</summary>
internal static class RankFingerprints
{
    private const int Piece = 1 << 20;
    private const int Digits = 8; // of a hash, in a sentence

    /// <summary>Requires the same labelled pictures at every rank. Collective.</summary>
    /// <exception cref="SightlineException">BadData, naming the process and the source.</exception>
    public static void RequireSameData(Communicator ranks, IEnumerable<(string Name, string Content)> sources)
    {
        if (ranks.Size == 1) return;
        ranks.RequireSame(ErrorKind.BadData, string.Join('\n', sources.Select(source => $"'{source.Name.ReplaceLineEndings(" ")}': {source.Content}")), (rank, other, first) =>
        {
            var (theirs, ours) = other.Split('\n').Zip(first.Split('\n')).First(pair => pair.First != pair.Second);
            return $"process {rank} reads other data than process 0: {theirs}; process 0 reads {ours}: give all machines the same files";
        });
    }

    /// <summary>Requires the same weights at every rank. Collective.</summary>
    /// <exception cref="SightlineException">BadModel, naming the process.</exception>
    public static void RequireSameWeights(Communicator ranks, IReadOnlyList<Parameter> parameters)
    {
        if (ranks.Size == 1) return;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var parameter in parameters)
        {
            var (row, bytes) = (new TensorRow([parameter.Value]), parameter.Value.Bytes);
            var piece = new byte[(int)Math.Min(Piece, bytes)];
            for (long done = 0; done < bytes; done += piece.Length)
            {
                var part = piece.AsSpan(0, (int)Math.Min(piece.Length, bytes - done));
                row.Read(done, part);
                hash.AppendData(part);
            }
        }

        ranks.RequireSame(ErrorKind.BadModel, Convert.ToHexStringLower(hash.GetHashAndReset()), (rank, _, _) => $"process {rank} begins with other weights than process 0: give all machines the same model files and the same version of Sightline");
    }

    /// <summary>Counts of a data set, and what tells it from another.</summary>
    public static string Of(DataSet data) => string.Create(
        CultureInfo.InvariantCulture,
        $"{data.Samples.Count} pictures with {data.Samples.Sum(sample => sample.Objects.Count)} boxes and {data.Samples.Sum(sample => sample.Phrases.Count)} phrases (sha256 {DataFingerprint.Of(data, data.Classes)[..Digits]})");

    /// <summary>The same of problems; for those that are made of a recipe, their count alone.</summary>
    public static string Of(IProblemSource source) =>
        string.Create(CultureInfo.InvariantCulture, $"{source.Count} problems") + (source is IFingerprinted { Fingerprint: { } hash } ? $" (sha256 {hash[..Digits]})" : "");
}
