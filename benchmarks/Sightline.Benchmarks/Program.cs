using Sightline.Benchmarks;

// dotnet run -c Release --project benchmarks/Sightline.Benchmarks -- NAME [options of the benchmark]
var benchmarks = new Dictionary<string, Action<string[]>>
{
    ["coco-evaluation"] = _ => CocoEvaluationBenchmark.Run(),
    ["engines"] = EngineBenchmark.Run,
    ["kernels"] = KernelBenchmark.Run,
    ["quantized"] = _ => QuantizedBenchmark.Run(),
    ["shards"] = ShardBenchmark.Run,
    ["tokenizer"] = _ => TokenizerBenchmark.Run(),
    ["training-step"] = TrainingStepBenchmark.Run,
};

if (args.Length == 0 || !benchmarks.TryGetValue(args[0], out var run))
{
    Console.Error.WriteLine("give the name of one benchmark: " + string.Join(", ", benchmarks.Keys));
    return 2;
}

run(args[1..]);
return 0;
