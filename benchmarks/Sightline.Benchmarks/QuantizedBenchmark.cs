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
    private const int Layers = 20; // int8: 275 MB of weights

    public static void Run()
    {
        Console.WriteLine($"int8 by {(AvxVnni.IsSupported ? "VPDPBUSD (AVX-VNNI, 256 bits)" : Avx512BW.IsSupported ? "VPMADDWD (AVX-512, no AVX-VNNI here)" : "VPMADDWD (AVX2)")}, int4 by {(AvxVnni.IsSupported ? "VPDPBUSD" : "VPMADDUBSW (AVX2)")}");
        var all = ThreadTeam.Shared.Threads;
        foreach (var threads in new[] { 1, all }.Distinct())
        {
            ThreadTeam.SetThreads(threads);
            var read = ReadSpeed();
            var (peak8, peak4) = (Peak(DotPeak.Int8, threads), Peak(DotPeak.Int4, threads));
            Print($"{threads} thread(s): memory {read / 1e9:F1} GB/s, int8 peak {peak8 / 1e9:F0} GOP/s, int4 peak {peak4 / 1e9:F0} GOP/s");
            foreach (var format in new[] { QuantizedFormat.Int8, QuantizedFormat.Int4 })
            {
                FewRows(format, read);
                ManyRows(format, format == QuantizedFormat.Int8 ? peak8 : peak4);
            }
        }

        ThreadTeam.SetThreads(all);
    }

    private static void FewRows(QuantizedFormat format, double read)
    {
        using var scope = TensorScope.Open();
        var source = Tensor.Full([Wide, Narrow], 0.5f);
        var weights = Enumerable.Range(0, format == QuantizedFormat.Int8 ? Layers : 2 * Layers).Select(_ => QuantizedWeight.Quantize(source, format)).ToArray();
        foreach (var rows in new[] { 1, 2, 3, 4 })
        {
            var x = Tensor.Full([rows, Narrow], 0.25f);
            var y = Tensor.Empty([rows, Wide]);
            var seconds = Best(40, () =>
            {
                foreach (var weight in weights) x.Engine.QuantizedLinear(x, weight, null, y);
            });
            var speed = weights.Sum(weight => weight.Bytes) / seconds;
            Print($"  {format} {rows} x {Narrow} x {Wide}: {speed / 1e9:F1} GB/s, {speed / read:P0} of the read speed");
        }

        foreach (var weight in weights) weight.Dispose();
    }

    private static void ManyRows(QuantizedFormat format, double peak)
    {
        foreach (var (K, N) in new[] { (Narrow, Wide), (Wide, Narrow) })
        {
            using var scope = TensorScope.Open();
            using var weight = QuantizedWeight.Quantize(Tensor.Full([N, K], 0.5f), format);
            foreach (var rows in new[] { 96, 640 })
            {
                var x = Tensor.Full([rows, K], 0.25f);
                var y = Tensor.Empty([rows, N]);
                var seconds = Best(rows == 640 ? 12 : 60, () => x.Engine.QuantizedLinear(x, weight, null, y));
                var speed = 2.0 * rows * K * N / seconds;
                Print($"  {format} {rows} x {K} x {N}, activation groups of {weight.ActivationGroup}: {speed / 1e9:F0} GOP/s, {speed / peak:P0} of the peak");
            }
        }
    }

    private static double Best(int rounds, Action action)
    {
        action();
        var best = double.MaxValue;
        for (var i = 0; i < rounds; i++)
        {
            var start = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    /// <summary>Bytes a second, eight streams a thread.</summary>
    private static unsafe double ReadSpeed()
    {
        using var buffer = Tensor.Zeros([1 << 28], DType.Int8);
        var pieces = new ReadPieces((byte*)buffer.Data);
        var seconds = Best(40, () => ThreadTeam.Shared.Run(ref pieces, 1 << 7));
        return buffer.Bytes / seconds;
    }

    private static double Peak(DotPeak kind, int threads)
    {
        var pieces = new PeakPieces(kind);
        var seconds = Best(400, () => ThreadTeam.Shared.Run(ref pieces, 4 * threads));
        return 4.0 * threads * PeakPieces.Operations(kind) / seconds;
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private enum DotPeak
    {
        Int8,
        Int4,
    }

    /// <summary>Two megabytes a piece.</summary>
    private readonly unsafe struct ReadPieces(byte* start) : IPieces
    {
        public void Run(int piece)
        {
            const int Streams = 8;
            const int Stream = (1 << 21) / Streams;
            var from = start + ((long)piece << 21);
            var sum = Vector256<int>.Zero;
            var (a, b, c, d) = (sum, sum, sum, sum);
            for (var i = 0; i < Stream; i += 64, from += 64)
            {
                a ^= Vector256.Load((int*)from) ^ Vector256.Load((int*)(from + 32));
                b ^= Vector256.Load((int*)(from + Stream)) ^ Vector256.Load((int*)(from + Stream + 32));
                c ^= Vector256.Load((int*)(from + (2 * Stream))) ^ Vector256.Load((int*)(from + (2 * Stream) + 32));
                d ^= Vector256.Load((int*)(from + (3 * Stream))) ^ Vector256.Load((int*)(from + (3 * Stream) + 32));
                a ^= Vector256.Load((int*)(from + (4 * Stream))) ^ Vector256.Load((int*)(from + (4 * Stream) + 32));
                b ^= Vector256.Load((int*)(from + (5 * Stream))) ^ Vector256.Load((int*)(from + (5 * Stream) + 32));
                c ^= Vector256.Load((int*)(from + (6 * Stream))) ^ Vector256.Load((int*)(from + (6 * Stream) + 32));
                d ^= Vector256.Load((int*)(from + (7 * Stream))) ^ Vector256.Load((int*)(from + (7 * Stream) + 32));
            }

            if ((a ^ b ^ c ^ d) == Vector256.Create(1)) throw new InvalidOperationException("the buffer is zero");
        }
    }

    /// <summary>Chains of the kernel's multiply-and-add, long enough to hide its latency, all in registers.</summary>
    private readonly struct PeakPieces(DotPeak kind) : IPieces
    {
        private const int Rounds = 20_000;
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
