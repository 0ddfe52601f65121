using System.Text;
using Sightline.Generation;
using Sightline.Generation.Constraints;
using Sightline.Tensors;

namespace Sightline.Tests.Generation.Constraints;

/// <summary>Answers of a model that knows nothing: random scores, held to a grammar.</summary>
internal static class RandomAnswer
{
    /// <summary>One answer, which must end within the limit.</summary>
    /// <param name="constraint">The grammar.</param>
    /// <param name="vocabulary">Its tokens.</param>
    /// <param name="random">Where the scores come from.</param>
    /// <param name="limit">Most tokens.</param>
    /// <param name="stops">Tokens that end it; empty where it ends by itself.</param>
    /// <param name="sharpness">Standard deviation of the scores.</param>
    /// <param name="bend">Changes the scores.</param>
    /// <param name="sampling">How a token is drawn.</param>
    public static List<int> Sample(
        AnswerConstraint constraint, TokenVocabulary vocabulary, RandomStream random, int limit, int[] stops, double sharpness, Action<float[]>? bend = null, SamplingOptions? sampling = null)
    {
        var size = Math.Max(vocabulary.Size, stops.FirstOrDefault() + 1);
        var (scores, mask) = (new float[size], new ulong[(size + 63) / 64]);
        var place = constraint.Start;
        var ids = new List<int>();
        while (true)
        {
            if (ids.Count >= limit) Assert.Fail($"no end within {limit} tokens: {Decode(vocabulary, ids)}");
            for (var i = 0; i < size; i++) scores[i] = (float)(random.NextNormal() * sharpness);
            bend?.Invoke(scores);
            constraint.Fill(mask, place, limit - ids.Count, stops);
            var id = Sampler.Choose(scores, sampling ?? new SamplingOptions(), [.. ids], mask, random);
            if (id < 0) Assert.Fail($"no token may follow {Decode(vocabulary, ids)}");
            ids.Add(id);
            if (stops.Contains(id)) return ids;
            place = constraint.Next(place, id);
            if (constraint.IsOver(place, limit - ids.Count, stops.Length > 0)) return ids;
        }
    }

    /// <summary>The text, which must be valid UTF-8, without a stop token.</summary>
    public static string Decode(TokenVocabulary vocabulary, IEnumerable<int> ids, int stop = -1)
    {
        var bytes = new List<byte>();
        foreach (var id in ids)
        {
            if (id != stop) bytes.AddRange(vocabulary.Bytes(id));
        }

        return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString([.. bytes]);
    }
}
