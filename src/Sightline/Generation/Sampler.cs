using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using Sightline.Tensors;

namespace Sightline.Generation;

/// <summary>
/// Pure functions over one row of scores, [V]. Each filter sets the scores of the tokens it drops to -∞; at least one token always stays. They
/// follow the classes named beside them in transformers' <c>generation/logits_process.py</c>; probabilities are added up in float64.
/// </summary>
public static class Sampler
{
    /// <summary>Chooses a token; <paramref name="scores"/> is used up.</summary>
    /// <param name="scores">[V]; with a mask, tokens out of the question are -∞ already.</param>
    /// <param name="options">How.</param>
    /// <param name="seen">Tokens of the prompt and the answer so far, each once or more; only for the repetition penalty.</param>
    /// <param name="mask">Which tokens may come (a bit each, lowest first); empty: all.</param>
    /// <param name="random">One number is drawn, none when greedy.</param>
    /// <returns>The token, or -1 where the mask leaves none.</returns>
    public static int Choose(Span<float> scores, SamplingOptions options, IReadOnlyList<int> seen, ReadOnlySpan<ulong> mask, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.RepetitionPenalty != 1) Penalize(scores, seen, options.RepetitionPenalty);
        if (!mask.IsEmpty) Keep(scores, mask);
        if (options.IsGreedy) return Best(scores);
        Heat(scores, options.Temperature);
        if (options.TopK > 0) KeepTopK(scores, options.TopK);
        if (options.TopP < 1) KeepTopP(scores, options.TopP);
        if (options.MinP > 0) KeepMinP(scores, options.MinP);
        return Draw(scores, random);
    }

    /// <summary>RepetitionPenaltyLogitsProcessor (Keskar et al. 2019): once for each token seen, however often.</summary>
    public static void Penalize(Span<float> scores, IReadOnlyList<int> seen, float penalty)
    {
        ArgumentNullException.ThrowIfNull(seen);
        var words = (scores.Length + 63) / 64;
        var done = ArrayPool<ulong>.Shared.Rent(words);
        done.AsSpan(0, words).Clear();
        for (var i = 0; i < seen.Count; i++)
        {
            var id = seen[i];
            if ((uint)id >= (uint)scores.Length || (done[id >> 6] & (1UL << (id & 63))) != 0) continue;
            done[id >> 6] |= 1UL << (id & 63);
            scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
        }

        ArrayPool<ulong>.Shared.Return(done);
    }

    /// <summary>Drops the tokens whose bit is 0, and those beyond the mask.</summary>
    public static void Keep(Span<float> scores, ReadOnlySpan<ulong> mask)
    {
        for (var word = 0; word * 64 < scores.Length; word++)
        {
            var bits = word < mask.Length ? mask[word] : 0;
            var part = scores.Slice(word * 64, Math.Min(64, scores.Length - (word * 64)));
            if (bits == ulong.MaxValue) continue;
            if (bits == 0)
            {
                part.Fill(float.NegativeInfinity);
                continue;
            }

            for (var i = 0; i < part.Length; i++)
            {
                if ((bits & (1UL << i)) == 0) part[i] = float.NegativeInfinity;
            }
        }
    }

    /// <summary>TemperatureLogitsWarper.</summary>
    public static void Heat(Span<float> scores, float temperature)
    {
        if (temperature == 1) return;
        for (var i = 0; i < scores.Length; i++) scores[i] /= temperature;
    }

    /// <summary>TopKLogitsWarper: what is below the k-th best goes, so that ties with it stay.</summary>
    public static void KeepTopK(Span<float> scores, int k)
    {
        if (k <= 0 || k >= scores.Length) return;
        var best = ArrayPool<float>.Shared.Rent(k); // a heap with its smallest at the root
        for (var i = 0; i < k; i++) best[i] = scores[i];
        var heap = best.AsSpan(0, k);
        for (var i = (k / 2) - 1; i >= 0; i--) Sink(heap, i);
        foreach (var score in scores[k..])
        {
            if (!(score > heap[0])) continue;
            heap[0] = score;
            Sink(heap, 0);
        }

        var least = heap[0];
        ArrayPool<float>.Shared.Return(best);
        DropBelow(scores, least);
    }

    /// <summary>
    /// TopPLogitsWarper (Holtzman et al. 2020): a token stays while the tokens before it, best first, reach less than p together. Of equals the higher id
    /// comes first, as a stable ascending sort leaves them.
    /// </summary>
    public static void KeepTopP(Span<float> scores, float p)
    {
        using var row = new Weights(scores);
        // only the best tokens matter: those that together reach p, found by lowering a bar
        var ids = ArrayPool<int>.Shared.Rent(scores.Length);
        var count = 0;
        for (var bar = 4f; ; bar *= 3)
        {
            var (least, mass) = (bar > 100 ? float.NegativeInfinity : row.Largest - bar, 0.0);
            count = 0;
            for (var i = 0; i < scores.Length; i++)
            {
                if (!(scores[i] > least)) continue;
                ids[count++] = i;
                mass += row[i];
            }

            if (mass >= p * row.Total || float.IsNegativeInfinity(least)) break;
        }

        var heap = ids.AsSpan(0, count); // the best at the root
        for (var i = (count / 2) - 1; i >= 0; i--) Sink(heap, scores, i);
        var kept = ArrayPool<(int Id, float Score)>.Shared.Rent(count);
        var (keptCount, reached) = (0, 0.0);
        while (heap.Length > 0 && (reached < p * row.Total || keptCount == 0))
        {
            reached += row[heap[0]];
            kept[keptCount++] = (heap[0], scores[heap[0]]);
            heap[0] = heap[^1];
            heap = heap[..^1];
            if (heap.Length > 0) Sink(heap, scores, 0);
        }

        scores.Fill(float.NegativeInfinity);
        foreach (var (id, score) in kept.AsSpan(0, keptCount)) scores[id] = score;
        ArrayPool<int>.Shared.Return(ids);
        ArrayPool<(int Id, float Score)>.Shared.Return(kept);
    }

    /// <summary>MinPLogitsWarper (Nguyen et al. 2024).</summary>
    public static void KeepMinP(Span<float> scores, float minP)
    {
        DropBelow(scores, (float)(Largest(scores) + Math.Log(minP)));
    }

    /// <summary>The first of the largest scores, or -1 where all are -∞.</summary>
    public static int Best(ReadOnlySpan<float> scores)
    {
        var largest = Largest(scores);
        return float.IsNegativeInfinity(largest) ? -1 : scores.IndexOf(largest);
    }

    /// <summary>One token by softmax of the scores, or -1 where all are -∞. Tokens lie on the line in the order of their ids.</summary>
    public static int Draw(ReadOnlySpan<float> scores, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(random);
        using var row = new Weights(scores);
        if (row.Total == 0) return -1;
        var rest = random.NextDouble() * row.Total;
        return row.Find(rest);
    }

    private static float Largest(ReadOnlySpan<float> scores)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(scores);
        var most = new Vector<float>(float.NegativeInfinity);
        foreach (var vector in vectors) most = Vector.Max(most, vector);
        var largest = float.NegativeInfinity;
        for (var i = 0; i < Vector<float>.Count; i++) largest = MathF.Max(largest, most[i]);
        foreach (var score in scores[(vectors.Length * Vector<float>.Count)..]) largest = MathF.Max(largest, score);
        return largest;
    }

    private static void DropBelow(Span<float> scores, float least)
    {
        for (var i = 0; i < scores.Length; i++)
        {
            if (scores[i] < least) scores[i] = float.NegativeInfinity;
        }
    }

    private static void Sink(Span<float> heap, int at)
    {
        while (true)
        {
            var child = (2 * at) + 1;
            if (child >= heap.Length) return;
            if (child + 1 < heap.Length && heap[child + 1] < heap[child]) child++;
            if (heap[at] <= heap[child]) return;
            (heap[at], heap[child]) = (heap[child], heap[at]);
            at = child;
        }
    }

    private static void Sink(Span<int> heap, ReadOnlySpan<float> scores, int at)
    {
        while (true)
        {
            var child = (2 * at) + 1;
            if (child >= heap.Length) return;
            if (child + 1 < heap.Length && Before(heap[child + 1], heap[child], scores)) child++;
            if (!Before(heap[child], heap[at], scores)) return;
            (heap[at], heap[child]) = (heap[child], heap[at]);
            at = child;
        }
    }

    private static bool Before(int a, int b, ReadOnlySpan<float> scores) => scores[a] > scores[b] || (scores[a] == scores[b] && a > b);

    /// <summary>e^(score - largest) of a row, and its sums by runs.</summary>
    private readonly ref struct Weights
    {
        private const int Run = 1024;
        private readonly float[] _weights;
        private readonly double[] _sums;
        private readonly int _count;

        public Weights(ReadOnlySpan<float> scores)
        {
            _count = scores.Length;
            Largest = Sampler.Largest(scores);
            var lanes = Vector<float>.Count;
            _weights = ArrayPool<float>.Shared.Rent(_count + lanes);
            _sums = ArrayPool<double>.Shared.Rent((_count / Run) + 1);
            if (float.IsNegativeInfinity(Largest)) return;
            scores.CopyTo(_weights);
            _weights.AsSpan(_count, lanes).Fill(float.NegativeInfinity); // so that all go through the same arithmetic
            var shift = new Vector<float>(Largest);
            for (var start = 0; start < _count; start += Run)
            {
                var sum = Vector<double>.Zero;
                for (var i = start; i < Math.Min(start + Run, _count); i += lanes)
                {
                    var weight = Vector.Exp(new Vector<float>(_weights, i) - shift);
                    weight.CopyTo(_weights, i);
                    Vector.Widen(weight, out var low, out var high);
                    sum += low + high;
                }

                _sums[start / Run] = Vector.Sum(sum);
                Total += _sums[start / Run];
            }
        }

        public float Largest { get; }

        /// <summary>Of all; 0 where all scores are -∞.</summary>
        public double Total { get; }

        public double this[int id] => _weights[id];

        /// <summary>The token at a place on the line from 0 to <see cref="Total"/>; the last one of weight where rounding leads beyond it.</summary>
        public int Find(double place)
        {
            var start = 0;
            for (; start + Run < _count && place >= _sums[start / Run]; start += Run) place -= _sums[start / Run];
            var last = -1;
            for (var i = start; i < _count; i++)
            {
                if (_weights[i] == 0) continue;
                last = i;
                place -= _weights[i];
                if (place < 0) return i;
            }

            for (var i = start - 1; last < 0; i--) last = _weights[i] > 0 ? i : -1;
            return last;
        }

        public void Dispose()
        {
            ArrayPool<float>.Shared.Return(_weights);
            ArrayPool<double>.Shared.Return(_sums);
        }
    }
}
