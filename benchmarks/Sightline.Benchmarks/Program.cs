using Sightline.Benchmarks;

// dotnet run -c Release --project benchmarks/Sightline.Benchmarks -- NAME
var benchmarks = new Dictionary<string, Action>
{
    ["coco-evaluation"] = CocoEvaluationBenchmark.Run,
    ["tokenizer"] = TokenizerBenchmark.Run,
};

if (args.Length != 1 || !benchmarks.TryGetValue(args[0], out var run))
{
    Console.Error.WriteLine("give the name of one benchmark: " + string.Join(", ", benchmarks.Keys));
    return 2;
}

run();
return 0;
