using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sightline.Tensors;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Quantized;

namespace Sightline.Benchmarks;

/// <summary>
/// Quantized products at the Qwen2-VL-2B feed-forward shape, as shares of what this processor can do in the same process:
/// few rows against the memory read speed (weights much larger than the caches), many rows against the peak of the
/// int8 dot-product instruction that the kernel uses. Best of many short runs, since other work comes between.
/// </summary>
internal static class QuantizedBenchmark
{
    private const int Wide = 8960;
    private const int Narrow = 1536;
    private const int Layers = 10; // 138 MB of int8 weights, far more than the caches hold
    private const int Chunk = 1 << 24;
    private const int Chunks = 16;

    public static void Run()
    {
        if (DotProductChains.IsSupported) Console.WriteLine("int8 and int4 by VPDPBUSD in machine code (AVX512-VNNI, tiles of 256 bits)");
        else Console.WriteLine($"int8 by {(AvxVnni.IsSupported ? "VPDPBUSD (AVX-VNNI, 256 bits)" : Avx512BW.IsSupported ? "VPMADDWD (AVX-512; no AVX-VNNI here)" : "VPMADDWD (AVX2)")}, int4 by {(AvxVnni.IsSupported ? "VPDPBUSD" : "VPMADDUBSW (AVX2)")}");
        var all = ThreadTeam.Shared.Threads;
        foreach (var threads in new[] { 1, all }.Distinct())
        {
            ThreadTeam.SetThreads(threads);
            FewRows(threads);
            ManyRows(QuantizedFormat.Int8, Peak(DotPeak.Int8, threads), threads);
            ManyRows(QuantizedFormat.Int4, Peak(DotPeak.Int4, threads), threads);
        }

        ThreadTeam.SetThreads(all);
    }

    /// <summary>Reading and multiplying take turns, call by call (about half a millisecond), so that other work on the machine hits both alike.</summary>
    private static unsafe void FewRows(int threads)
    {
        using var scope = TensorScope.Open();
        var buffer = Tensor.Zeros([Chunk * Chunks], DType.Int8);
        var source = Tensor.Full([Wide, Narrow], 0.5f);
        var weights8 = Enumerable.Range(0, Layers).Select(_ => QuantizedWeight.Quantize(source, QuantizedFormat.Int8)).ToArray();
        var weights4 = Enumerable.Range(0, 2 * Layers).Select(_ => QuantizedWeight.Quantize(source, QuantizedFormat.Int4)).ToArray();
        var best = new Dictionary<string, double>();
        for (var round = 0; round < 12; round++)
        {
            foreach (var streams in new[] { 1, 2, 4, 8 })
            {
                for (var chunk = 0; chunk < Chunks; chunk++)
                {
                    var pieces = new ReadPieces((byte*)buffer.Data + ((long)chunk * Chunk), streams);
                    Time(best, "read", Chunk, () => ThreadTeam.Shared.Run(ref pieces, Chunk / ReadPieces.Bytes));
                }
            }

            foreach (var rows in new[] { 1, 2, 3, 4, 8 })
            {
                var x = Tensor.Full([rows, Narrow], 0.25f);
                var y = Tensor.Empty([rows, Wide]);
                foreach (var weight in weights8.Concat(weights4))
                    Time(best, $"{weight.Format} {rows} x {Narrow} x {Wide}", weight.Bytes, () => x.Engine.QuantizedLinear(x, weight, null, y));
            }
        }

        foreach (var weight in weights8.Concat(weights4)) weight.Dispose();
        Print($"{threads} thread(s), memory read speed {best["read"] / 1e9:F1} GB/s");
        foreach (var (name, speed) in best.Where(pair => pair.Key != "read").OrderByDescending(pair => pair.Key[3]).ThenBy(pair => pair.Key, StringComparer.Ordinal))
            Print($"  {name}: {speed / 1e9:F1} GB/s of weights, {speed / best["read"]:P0} of the read speed");
    }

    private static void Time(Dictionary<string, double> best, string name, double work, Action action)
    {
        var start = Stopwatch.GetTimestamp();
        action();
        var speed = work / Stopwatch.GetElapsedTime(start).TotalSeconds;
        best[name] = Math.Max(speed, best.GetValueOrDefault(name));
    }

    private static void ManyRows(QuantizedFormat format, double peak, int threads)
    {
        Print($"{threads} thread(s), {format} instruction peak {peak / 1e9:F0} GOP/s");
        foreach (var (K, N) in new[] { (Narrow, Wide), (Wide, Narrow) })
        {
            using var scope = TensorScope.Open();
            using var weight = QuantizedWeight.Quantize(Tensor.Full([N, K], 0.5f), format);
            foreach (var rows in new[] { 96, 640 })
            {
                var x = Tensor.Full([rows, K], 0.25f);
                var y = Tensor.Empty([rows, N]);
                var seconds = Best(rows == 640 ? 5 : 15, threads == 1, () => x.Engine.QuantizedLinear(x, weight, null, y));
                var speed = 2.0 * rows * K * N / seconds;
                Print($"  {format} {rows} x {K} x {N}, activation groups of {weight.ActivationGroup}: {speed / 1e9:F0} GOP/s, {speed / peak:P0} of the peak");
            }
        }
    }

    /// <summary>With one thread in processor time, which other work on the machine does not lengthen; else in real time.</summary>
    private static double Best(int rounds, bool inProcessorTime, Action action)
    {
        action();
        var best = double.MaxValue;
        for (var i = 0; i < rounds; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var used = Environment.CpuUsage.TotalTime;
            action();
            best = Math.Min(best, inProcessorTime ? (Environment.CpuUsage.TotalTime - used).TotalSeconds : Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    private static double Peak(DotPeak kind, int threads)
    {
        if (DotProductChains.IsSupported)
        {
            var chains = default(DotProductChains);
            var best = Best(100, threads == 1, () => ThreadTeam.Shared.Run(ref chains, 4 * threads));
            return 4.0 * threads * DotProductChains.Operations / best;
        }

        var pieces = new PeakPieces(kind);
        var seconds = Best(100, threads == 1, () => ThreadTeam.Shared.Run(ref pieces, 4 * threads));
        return 4.0 * threads * PeakPieces.Operations(kind) / seconds;
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private enum DotPeak
    {
        Int8,
        Int4,
    }

    /// <summary>One megabyte a piece, cut into a number of streams that are read side by side.</summary>
    private readonly unsafe struct ReadPieces(byte* start, int streams) : IPieces
    {
        public const int Bytes = 1 << 20;

        public void Run(int piece)
        {
            var from = start + ((long)piece * Bytes);
            var stream = Bytes / streams;
            var (a, b) = (Vector256<int>.Zero, Vector256<int>.Zero);
            for (var i = 0; i < stream; i += 128)
            {
                var at = from + i;
                for (var s = 0; s < streams; s++, at += stream)
                {
                    a ^= Vector256.Load((int*)at) ^ Vector256.Load((int*)(at + 64));
                    b ^= Vector256.Load((int*)(at + 32)) ^ Vector256.Load((int*)(at + 96));
                }
            }

            if ((a ^ b) == Vector256.Create(1)) throw new InvalidOperationException("the buffer is zero");
        }
    }

    /// <summary>Chains of the kernel's multiply-and-add, long enough to hide its latency, all in registers.</summary>
    private readonly struct PeakPieces(DotPeak kind) : IPieces
    {
        private const int Rounds = 100_000;
        private const int Chains = 12;

        /// <summary>A multiplication and an addition for each product of a piece.</summary>
        public static double Operations(DotPeak kind)
        {
            var products = AvxVnni.IsSupported || kind == DotPeak.Int4 || Avx512BW.IsSupported ? 32 : 16;
            return 2.0 * Rounds * Chains * products;
        }

        public void Run(int piece)
        {
            var used = AvxVnni.IsSupported ? Chain<Vector256<int>, Vnni>()
                : kind == DotPeak.Int4 ? Chain<Vector256<int>, ByteMultiply>()
                : Avx512BW.IsSupported ? Chain<Vector512<int>, ShortMultiply512>()
                : Chain<Vector256<int>, ShortMultiply256>();
            if (used == 1) throw new InvalidOperationException("only to keep the chains alive");
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static int Chain<T, TStep>()
            where T : struct
            where TStep : struct, IStep<T>
        {
            T a = default, b = default, c = default, d = default, e = default, f = default;
            T g = default, h = default, i = default, j = default, k = default, l = default;
            for (var round = 0; round < Rounds; round++)
            {
                (a, b, c, d) = (TStep.Next(a), TStep.Next(b), TStep.Next(c), TStep.Next(d));
                (e, f, g, h) = (TStep.Next(e), TStep.Next(f), TStep.Next(g), TStep.Next(h));
                (i, j, k, l) = (TStep.Next(i), TStep.Next(j), TStep.Next(k), TStep.Next(l));
            }

            return TStep.Read(a) ^ TStep.Read(b) ^ TStep.Read(c) ^ TStep.Read(d) ^ TStep.Read(e) ^ TStep.Read(f)
                ^ TStep.Read(g) ^ TStep.Read(h) ^ TStep.Read(i) ^ TStep.Read(j) ^ TStep.Read(k) ^ TStep.Read(l);
        }
    }

    /// <summary>One link of a chain; the operands depend on the sum, so that nothing can be moved out of the loop.</summary>
    private interface IStep<T>
    {
        static abstract T Next(T sum);

        static abstract int Read(T sum);
    }

    private readonly struct Vnni : IStep<Vector256<int>>
    {
        public static Vector256<int> Next(Vector256<int> sum) => AvxVnni.MultiplyWideningAndAdd(sum, Vector256.Create((byte)3), Vector256.Create((sbyte)5));

        public static int Read(Vector256<int> sum) => sum[0];
    }

    private readonly struct ByteMultiply : IStep<Vector256<int>>
    {
        public static Vector256<int> Next(Vector256<int> sum) =>
            Avx2.Add(sum.AsInt16(), Avx2.MultiplyAddAdjacent(sum.AsByte(), Vector256.Create((sbyte)5))).AsInt32();

        public static int Read(Vector256<int> sum) => sum[0];
    }

    private readonly struct ShortMultiply256 : IStep<Vector256<int>>
    {
        public static Vector256<int> Next(Vector256<int> sum) => Avx2.Add(sum, Avx2.MultiplyAddAdjacent(sum.AsInt16(), Vector256.Create((short)5)));

        public static int Read(Vector256<int> sum) => sum[0];
    }

    private readonly struct ShortMultiply512 : IStep<Vector512<int>>
    {
        public static Vector512<int> Next(Vector512<int> sum) => Avx512F.Add(sum, Avx512BW.MultiplyAddAdjacent(sum.AsInt16(), Vector512.Create((short)5)));

        public static int Read(Vector512<int> sum) => sum[0];
    }
}
