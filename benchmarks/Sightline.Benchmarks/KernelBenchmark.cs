using System.Globalization;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;

namespace Sightline.Benchmarks;

/// <summary>
/// The dense float32 kernels against the limits of the machine. Every kernel is timed in turn with its yardstick, and the best
/// of the rounds is taken of both, so that a busy machine disturbs the ratio little. Only ratios are worth comparing.
/// </summary>
internal static class KernelBenchmark
{
    private const int Rounds = 9;

    private enum Limit
    {
        Fma,
        Read,
    }

    /// <summary>Options: <c>--threads 1,2</c>, and <c>--only TEXT</c> for the kernels whose name contains it, <c>--clock processor</c> on a busy machine, <c>--products bfloat16</c> for rounded operands.</summary>
    public static void Run(string[] arguments)
    {
        Peaks.ByProcessorTime = Option(arguments, "--clock") == "processor";
        var only = Option(arguments, "--only") ?? "";
        var counts = (Option(arguments, "--threads") ?? (Environment.ProcessorCount > 1 ? "1,2" : "1")).Split(',');
        foreach (var count in counts)
        {
            ThreadTeam.SetThreads(int.Parse(count, CultureInfo.InvariantCulture));
            Console.WriteLine(FormattableString.Invariant(
                $"{count} thread(s): FMA {Best(Peaks.Fma) / 1e9:F0} GFLOP/s, memory read {Best(Peaks.Read) / 1e9:F1} GB/s"));
            Console.WriteLine($"  {"kernel",-46} {"ms",9} {"speed",14} {"ratio",7} {"target",7}");
            foreach (var kernel in Kernels())
            {
                if (!kernel.Name.Contains(only, StringComparison.OrdinalIgnoreCase)) continue;
                using var scope = TensorScope.Open();
                using var rounded = BFloat16Products.Allow(Option(arguments, "--products") == "bfloat16");
                Measure(kernel);
            }
        }
    }

    private static IEnumerable<Kernel> Kernels()
    {
        yield return MatMul(1024, 1024, 1024, 0.85);
        yield return MatMul(512, 512, 512, null);
        yield return MatMul(256, 256, 256, null);
        yield return MatMul(64, 64, 64, null);
        yield return MatMul(2048, 1536, 8960, null);
        yield return MatMul(196, 256, 1024, null);
        yield return MatMul(20, 256, 256, null);
        yield return MatMul(8, 2048, 2048, null);
        yield return LinearStep(1024, 256, 1024);
        yield return MatVec(1, 4096, 4096, 0.85);
        yield return MatVec(1, 8960, 1536, 0.85);
        yield return MatVec(4, 4096, 4096, 0.85);
        yield return Attention(2048, 16, 16, 80, false, 0.6);
        yield return Attention(2048, 16, 16, 80, true, null);
        yield return Attention(196, 8, 8, 32, false, null);
        yield return OneQuery(4096, 12, 2, 128, DType.Float32);
        yield return OneQuery(4096, 12, 2, 128, DType.BFloat16);
        yield return AttentionBackward(2048, 16, 16, 80);
        yield return Conv(1, 56, 64, 64, 3, 1, 1);
        yield return Conv(1, 56, 64, 128, 3, 2, 1);
        yield return Conv(4, 28, 128, 128, 3, 1, 1);
        yield return Conv(1, 224, 3, 32, 3, 2, 1);
        yield return Conv(1, 224, 3, 192, 16, 16, 1);
        yield return Conv(1, 56, 96, 96, 7, 1, 96);
        yield return ConvStep(4, 28, 128, 128, 3, 1, 1);
        yield return ConvStep(4, 56, 96, 96, 3, 1, 96);
        foreach (var kernel in NanoKernels()) yield return kernel;
    }

    /// <summary>What most of a training step of <c>nano</c> consists of (canvas 320, 8 pictures).</summary>
    private static IEnumerable<Kernel> NanoKernels()
    {
        yield return Linear(3200, 160, 160);
        yield return Linear(12800, 96, 192);
        yield return LinearStep(3200, 160, 160);
        yield return LinearStep(3200, 160, 320);
        yield return LinearStep(12800, 96, 192);
        yield return LinearStep(448, 160, 160);
        yield return Conv(8, 40, 96, 96, 3, 1, 1);
        yield return ConvStep(8, 40, 96, 96, 3, 1, 1);
        yield return ConvStep(8, 320, 3, 24, 3, 2, 1);
        yield return Conv(8, 160, 24, 48, 3, 2, 1);
        yield return ConvStep(8, 160, 24, 48, 3, 2, 1);
        yield return ConvStep(8, 80, 48, 96, 3, 2, 1);
        yield return ConvStep(8, 40, 96, 160, 3, 2, 1);
        yield return ConvStep(8, 40, 96, 96, 5, 1, 96);
        yield return BatchAttention(8, 400, 5, 32);
        yield return BatchAttentionStep(8, 400, 5, 32);
    }

    private static Kernel MatMul(int M, int N, int K, double? target)
    {
        var (a, b) = (Normal([M, K]), Normal([N, K]));
        return new($"matmul {M} x {N} x {K}, b transposed", 2.0 * M * N * K, Limit.Fma, target, () => Op.MatMul(a, b, false, true), [a, b]);
    }

    private static Kernel Linear(int T, int I, int O)
    {
        var (x, w, b) = (Normal([T, I]), Normal([O, I]), Normal([O]));
        return new($"linear {T} x {I} -> {O}", 2.0 * T * I * O, Limit.Fma, null, () => Op.Linear(x, w, b), [x, w, b]);
    }

    private static Kernel LinearStep(int T, int I, int O)
    {
        var (x, w, b) = (Normal([T, I]), Normal([O, I]), Normal([O]));
        return Step($"linear {T} x {I} -> {O}, forward and backward", 6.0 * T * I * O, () => Op.Linear(x, w, b), x, w, b);
    }

    private static Kernel MatVec(int M, int N, int K, double? target)
    {
        var (a, b) = (Normal([M, K]), Normal([N, K]));
        // several weights in turn, so that none stays in a cache
        var copies = Enumerable.Range(0, Math.Max(1, (int)((256L << 20) / b.Bytes))).Select(_ => b.Clone().AsParameter(false)).ToArray();
        return new($"matrix x {M} vector(s), {N} x {K}", (double)b.Bytes * copies.Length, Limit.Read, target, () =>
        {
            foreach (var copy in copies) Op.MatMul(a, copy, false, true).Dispose();
        }, [a, b, .. copies]);
    }

    private static Kernel Attention(int T, int H, int Hkv, int D, bool causal, double? target)
    {
        var (q, k, v) = (Normal([T, H, D]), Normal([T, Hkv, D]), Normal([T, Hkv, D]));
        var layout = causal ? AttentionLayout.Causal(T, T) : AttentionLayout.Full(T, T);
        return new($"attention {T} x {H} x {D}{(causal ? " causal" : "")}", 4.0 * T * T * H * D / (causal ? 2 : 1), Limit.Fma, target, () => Op.Attention(q, k, v, layout), [q, k, v]);
    }

    /// <summary>A step of generation: one query of every head over keys and values of a cache; several caches in turn, so that none stays in a cache of the processor.</summary>
    private static Kernel OneQuery(int T, int H, int Hkv, int D, DType type)
    {
        var q = Normal([1, H, D]);
        var source = Normal([T, Hkv, D]);
        var caches = Enumerable.Range(0, (int)((256L << 20) / (source.Count * type.Size()))).Select(_ => Op.Cast(source, type).Clone().AsParameter(false)).ToArray();
        var query = Op.Cast(q, type).AsParameter(false);
        var layout = AttentionLayout.Full(1, T);
        return new($"attention of 1 query, {T} keys x {H} / {Hkv} x {D}, {type}", (double)caches[0].Bytes * caches.Length, Limit.Read, null, () =>
        {
            for (var i = 0; i < caches.Length; i += 2) Op.Attention(query, caches[i], caches[i + 1], layout).Dispose();
        }, [q, source, .. caches]);
    }

    private static Kernel AttentionBackward(int T, int H, int Hkv, int D)
    {
        var (q, k, v) = (Normal([T, H, D]), Normal([T, Hkv, D]), Normal([T, Hkv, D]));
        var layout = AttentionLayout.Full(T, T);
        return Step($"attention {T} x {H} x {D}, forward and backward", 14.0 * T * T * H * D, () => Op.Attention(q, k, v, layout), q, k, v);
    }

    /// <summary>Several pieces of one length, one after another.</summary>
    private static Kernel BatchAttention(int pieces, int T, int H, int D)
    {
        var (q, k, v) = (Normal([pieces * T, H, D]), Normal([pieces * T, H, D]), Normal([pieces * T, H, D]));
        var layout = AttentionLayout.Batch(pieces, T, T);
        return new($"attention {pieces} x {T} x {H} x {D}", 4.0 * pieces * T * T * H * D, Limit.Fma, null, () => Op.Attention(q, k, v, layout), [q, k, v]);
    }

    private static Kernel BatchAttentionStep(int pieces, int T, int H, int D)
    {
        var (q, k, v) = (Normal([pieces * T, H, D]), Normal([pieces * T, H, D]), Normal([pieces * T, H, D]));
        var layout = AttentionLayout.Batch(pieces, T, T);
        return Step($"attention {pieces} x {T} x {H} x {D}, fwd + bwd", 14.0 * pieces * T * T * H * D, () => Op.Attention(q, k, v, layout), q, k, v);
    }

    private static Kernel Conv(int N, int size, int C, int O, int kernel, int stride, int groups)
    {
        var (x, w, b) = (Normal([N, size, size, C]), Normal([O, C / groups, kernel, kernel]), Normal([O]));
        var padding = stride == kernel ? 0 : kernel / 2;
        return new(ConvName(N, size, C, O, kernel, stride, groups), ConvWork(N, size, C, O, kernel, stride, groups), Limit.Fma, null, () => Op.Conv2d(x, w, b, stride, padding, 1, groups), [x, w, b]);
    }

    private static Kernel ConvStep(int N, int size, int C, int O, int kernel, int stride, int groups)
    {
        var (x, w, b) = (Normal([N, size, size, C]), Normal([O, C / groups, kernel, kernel]), Normal([O]));
        var padding = stride == kernel ? 0 : kernel / 2;
        return Step(ConvName(N, size, C, O, kernel, stride, groups) + ", fwd + bwd", 3 * ConvWork(N, size, C, O, kernel, stride, groups), () => Op.Conv2d(x, w, b, stride, padding, 1, groups), x, w, b);
    }

    private static string ConvName(int N, int size, int C, int O, int kernel, int stride, int groups) =>
        $"conv {N} x {size}² x {C} -> {O}, {kernel} x {kernel} / {stride}{(groups > 1 ? " depthwise" : "")}";

    private static double ConvWork(int N, int size, int C, int O, int kernel, int stride, int groups) =>
        2.0 * N * (size / stride) * (size / stride) * O * C / groups * kernel * kernel;

    private static Kernel Step(string name, double work, Func<Tensor> forward, params Tensor[] inputs) => new(name, work, Limit.Fma, null, () =>
    {
        foreach (var input in inputs) input.RequiresGrad = true;
        using var scope = TensorScope.Open();
        using var tape = Tape.Record();
        var y = forward();
        tape.Backward(y, y.Detach());
        foreach (var input in inputs) input.ClearGrad();
    }, inputs);

    private static void Measure(Kernel kernel)
    {
        var repeat = 1;
        double Time() => Peaks.Seconds(() =>
        {
            for (var i = 0; i < repeat; i++)
            {
                using var scope = TensorScope.Open();
                kernel.Action();
            }
        });
        Time();
        while (Time() < 0.01 && repeat < 1 << 16) repeat *= 2;
        var (best, limit) = (double.MaxValue, 0.0);
        for (var round = 0; round < Rounds; round++)
        {
            limit = Math.Max(limit, kernel.Limit == Limit.Fma ? Peaks.Fma() : Peaks.Read());
            best = Math.Min(best, Time() / repeat);
        }

        var (speed, unit) = (kernel.Work / best / 1e9, kernel.Limit == Limit.Fma ? "GFLOP/s" : "GB/s");
        var ratio = speed * 1e9 / limit;
        var verdict = kernel.Target is { } target ? FormattableString.Invariant($"{target:P0}") + (ratio >= target ? " holds" : " MISSED") : "";
        Console.WriteLine(FormattableString.Invariant($"  {kernel.Name,-46} {best * 1e3,9:F3} {speed,6:F1} {unit,-7} {ratio,7:P1} {verdict}"));
        foreach (var tensor in kernel.Tensors) tensor.Dispose();
    }

    private static double Best(Func<double> measure) => Enumerable.Range(0, Rounds).Max(_ => measure());

    private static Tensor Normal(Shape shape)
    {
        var random = new RandomStream(1);
        var x = Tensor.Empty(shape).AsParameter(false);
        foreach (ref var value in x.AsSpan<float>()) value = (float)random.NextNormal();
        return x;
    }

    private static string? Option(string[] arguments, string name)
    {
        var at = Array.IndexOf(arguments, name);
        return at >= 0 && at + 1 < arguments.Length ? arguments[at + 1] : null;
    }

    private sealed record Kernel(string Name, double Work, Limit Limit, double? Target, Action Action, Tensor[] Tensors);
}
