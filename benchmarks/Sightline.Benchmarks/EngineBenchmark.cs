using System.Diagnostics;
using System.Globalization;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.LibTorch;
using Sightline.Tensors.LibTorch.Native;
using Sightline.Tensors.Ops;

namespace Sightline.Benchmarks;

/// <summary>
/// The managed engine and libtorch in turn, in one process and with as many threads: the cost of a call, products, attention, a training step of
/// <c>nano</c>. Options: <c>--device cpu</c>, <c>--threads N</c>, <c>--rounds R</c>, <c>--image-size S</c>.
/// </summary>
internal static class EngineBenchmark
{
    public static void Run(string[] arguments)
    {
        var threads = Options.Number(arguments, "--threads", Environment.ProcessorCount);
        var rounds = Options.Number(arguments, "--rounds", 5);
        ThreadTeam.SetThreads(threads);
        var torch = LibTorchEngine.Open(TorchDevice.Parse(Options.Text(arguments, "--device") ?? "cpu"));
        Console.WriteLine($"libtorch {torch.Version} on {torch.Device}, {torch.Threads} thread(s); managed engine, {threads} thread(s); best of {rounds} rounds in turn");
        Calls(torch);
        Engine[] engines = [CpuEngine.Instance, torch];
        Compare("product 1024 x 1024 x 1024, float32 (GFLOP/s)", engines, rounds, () => Product(1024, DType.Float32), 2 * Math.Pow(1024, 3) / 1e9);
        Compare("product 1024 x 1024 x 1024, bfloat16 (GFLOP/s)", engines, rounds, () => Product(1024, DType.BFloat16), 2 * Math.Pow(1024, 3) / 1e9);
        Compare("attention, 12 heads of 64, 1024 causal (ms)", engines, rounds, () => Attention(backward: false));
        Compare("the same with its gradient (ms)", engines, rounds, () => Attention(backward: true));
        var size = Options.Number(arguments, "--image-size", 160);
        Compare($"training step of nano, canvas {size} (ms)", engines, rounds, () => TrainingStepBenchmark.Prepare(size));
    }

    private static void Calls(LibTorchEngine torch)
    {
        using var scope = TensorScope.Open();
        var (x, y) = (Tensor.Zeros([16], engine: torch), Tensor.Zeros([16], engine: torch));
        using (var work = Work.On(torch))
        {
            var value = work.Of(x);
            Print("aten::neg of 16 numbers through torch_call_dispatcher (µs)", Best(() => work.Free(work.Call("aten::neg"u8, ""u8, value)), 20000) * 1e6);
        }

        Print("Op.Mul of 16 numbers on libtorch, with its result (µs)", Best(() => Op.Mul(x, y).Dispose(), 20000) * 1e6);
        var (a, b) = (x.To(CpuEngine.Instance), y.To(CpuEngine.Instance));
        Print("Op.Mul of 16 numbers on the managed engine (µs)", Best(() => Op.Mul(a, b).Dispose(), 20000) * 1e6);

        static void Print(string what, double value) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {value:F2}"));
    }

    /// <summary>Seconds of one call, the best of five runs of many.</summary>
    private static double Best(Action action, int count)
    {
        var best = double.MaxValue;
        for (var run = 0; run < 5; run++)
        {
            using var scope = TensorScope.Open();
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < count; i++) action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds / count);
        }

        return best;
    }

    /// <summary>Milliseconds of each engine, or with a number of operations their rate; the best of rounds that alternate.</summary>
    private static void Compare(string what, Engine[] engines, int rounds, Func<(Action Step, IDisposable Owner)> prepare, double work = 0)
    {
        var prepared = new (Action Step, IDisposable Owner)[engines.Length];
        var best = new double[engines.Length];
        Array.Fill(best, double.MaxValue);
        for (var round = -1; round < rounds; round++)
        {
            for (var i = 0; i < engines.Length; i++)
            {
                Engine.Default = engines[i];
                if (round < 0) prepared[i] = prepare();
                var start = Stopwatch.GetTimestamp();
                prepared[i].Step();
                if (round >= 0) best[i] = Math.Min(best[i], Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }

        for (var i = 0; i < engines.Length; i++) prepared[i].Owner.Dispose();
        Engine.Default = CpuEngine.Instance;
        var figures = best.Select(seconds => work > 0 ? work / seconds : seconds * 1e3).ToArray();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: managed {figures[0]:F1}, libtorch {figures[1]:F1}, libtorch is {best[0] / best[1]:F2} times as fast"));
    }

    private static (Action Step, IDisposable Owner) Product(int n, DType type)
    {
        var random = new RandomStream(1);
        var (a, b) = (Noise(random, type, n, n), Noise(random, type, n, n));
        return (() => Op.MatMul(a, b).Dispose(), new Owned(a, b));
    }

    private static (Action Step, IDisposable Owner) Attention(bool backward)
    {
        const int length = 1024;
        var random = new RandomStream(1);
        var (q, k, v) = (Noise(random, DType.Float32, length, 12, 64), Noise(random, DType.Float32, length, 12, 64), Noise(random, DType.Float32, length, 12, 64));
        var layout = AttentionLayout.Causal(length, length);
        foreach (var tensor in (Tensor[])[q, k, v]) tensor.RequiresGrad = backward;
        return (Step, new Owned(q, k, v));

        void Step()
        {
            using var scope = TensorScope.Open();
            using var tape = backward ? Tape.Record() : Tape.NoGrad();
            var y = Op.Attention(q, k, v, layout);
            if (!backward) return;
            tape.Backward(Op.Sum(y));
            foreach (var tensor in (Tensor[])[q, k, v]) tensor.ClearGrad();
        }
    }

    private static Tensor Noise(RandomStream random, DType type, params int[] sizes)
    {
        var values = new float[sizes.Aggregate(1, (count, size) => count * size)];
        foreach (ref var value in values.AsSpan()) value = (float)random.NextNormal();
        using var scope = TensorScope.Open();
        return scope.Keep(Op.Cast(Tensor.From(values, new Shape(sizes)), type)).AsParameter(requiresGrad: false);
    }

    private sealed class Owned(params Tensor[] tensors) : IDisposable
    {
        public void Dispose()
        {
            foreach (var tensor in tensors) tensor.Dispose();
        }
    }
}
