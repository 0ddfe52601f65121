using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Benchmarks;

/// <summary>What the machine can do at most, measured in this process with the current thread team: the yardsticks of the kernels.</summary>
internal static unsafe class Peaks
{
    private const int FmaRounds = 400_000;
    private const long ReadBytes = 256L << 20;
    private static readonly byte* s_memory = Touched(ReadBytes);

    /// <summary>float32 fused multiply-adds in registers, operations a second (two for each multiply-add).</summary>
    public static double Fma()
    {
        var pieces = new FmaPieces();
        var threads = ThreadTeam.Shared.Threads;
        var seconds = Seconds(() => CpuEngine.Parallel(ref pieces, threads));
        return threads * (double)FmaRounds * 16 * (Vector512.IsHardwareAccelerated ? 32 : 16) / seconds;
    }

    /// <summary>Bytes a second read from memory, eight streams a thread.</summary>
    public static double Read()
    {
        var threads = ThreadTeam.Shared.Threads;
        var pieces = new ReadPieces(s_memory, ReadBytes / threads);
        var seconds = Seconds(() => CpuEngine.Parallel(ref pieces, threads));
        return ReadBytes / seconds;
    }

    /// <summary>
    /// On a machine with other work: count the processor time of this process, shared out over the threads, instead of the time
    /// on the wall. Waiting for each other then costs nothing, so it flatters several threads.
    /// </summary>
    public static bool ByProcessorTime { get; set; }

    public static double Seconds(Action action)
    {
        if (ByProcessorTime)
        {
            var before = Environment.CpuUsage.TotalTime;
            action();
            return (Environment.CpuUsage.TotalTime - before).TotalSeconds / ThreadTeam.Shared.Threads;
        }

        var start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static byte* Touched(long bytes)
    {
        var memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 4096);
        NativeMemory.Fill(memory, (nuint)bytes, 1);
        return memory;
    }

    private struct FmaPieces : IPieces
    {
        private float _sum;

        public void Run(int piece)
        {
            if (Vector512.IsHardwareAccelerated) _sum = Wide(1e-9f);
            else _sum = Narrow(1e-9f);
        }

        private static float Wide(float seed)
        {
            var a = Vector512.Create(seed);
            Vector512<float> s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a, s6 = a, s7 = a, s8 = a, s9 = a, sa = a, sb = a, sc = a, sd = a, se = a, sf = a;
            for (var i = 0; i < FmaRounds; i++)
            {
                s0 = Vector512.FusedMultiplyAdd(s0, a, a);
                s1 = Vector512.FusedMultiplyAdd(s1, a, a);
                s2 = Vector512.FusedMultiplyAdd(s2, a, a);
                s3 = Vector512.FusedMultiplyAdd(s3, a, a);
                s4 = Vector512.FusedMultiplyAdd(s4, a, a);
                s5 = Vector512.FusedMultiplyAdd(s5, a, a);
                s6 = Vector512.FusedMultiplyAdd(s6, a, a);
                s7 = Vector512.FusedMultiplyAdd(s7, a, a);
                s8 = Vector512.FusedMultiplyAdd(s8, a, a);
                s9 = Vector512.FusedMultiplyAdd(s9, a, a);
                sa = Vector512.FusedMultiplyAdd(sa, a, a);
                sb = Vector512.FusedMultiplyAdd(sb, a, a);
                sc = Vector512.FusedMultiplyAdd(sc, a, a);
                sd = Vector512.FusedMultiplyAdd(sd, a, a);
                se = Vector512.FusedMultiplyAdd(se, a, a);
                sf = Vector512.FusedMultiplyAdd(sf, a, a);
            }

            return Vector512.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + sa + sb + sc + sd + se + sf);
        }

        private static float Narrow(float seed)
        {
            var a = Vector256.Create(seed);
            Vector256<float> s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a, s6 = a, s7 = a, s8 = a, s9 = a, sa = a, sb = a;
            for (var i = 0; i < FmaRounds * 4 / 3; i++)
            {
                s0 = Vector256.FusedMultiplyAdd(s0, a, a);
                s1 = Vector256.FusedMultiplyAdd(s1, a, a);
                s2 = Vector256.FusedMultiplyAdd(s2, a, a);
                s3 = Vector256.FusedMultiplyAdd(s3, a, a);
                s4 = Vector256.FusedMultiplyAdd(s4, a, a);
                s5 = Vector256.FusedMultiplyAdd(s5, a, a);
                s6 = Vector256.FusedMultiplyAdd(s6, a, a);
                s7 = Vector256.FusedMultiplyAdd(s7, a, a);
                s8 = Vector256.FusedMultiplyAdd(s8, a, a);
                s9 = Vector256.FusedMultiplyAdd(s9, a, a);
                sa = Vector256.FusedMultiplyAdd(sa, a, a);
                sb = Vector256.FusedMultiplyAdd(sb, a, a);
            }

            return Vector256.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + sa + sb);
        }
    }

    private struct ReadPieces(byte* memory, long bytes) : IPieces
    {
        private const int Streams = 8;
        private int _sum;

        public void Run(int piece)
        {
            var part = bytes / Streams / 64 * 64;
            var p = memory + (piece * bytes);
            Vector256<int> s0 = default, s1 = default;
            for (long i = 0; i < part; i += 64)
            {
                for (var stream = 0; stream < Streams; stream++)
                {
                    s0 ^= Vector256.Load((int*)(p + (stream * part) + i));
                    s1 ^= Vector256.Load((int*)(p + (stream * part) + i + 32));
                }
            }

            _sum = Vector256.Sum(s0 ^ s1);
        }
    }
}
