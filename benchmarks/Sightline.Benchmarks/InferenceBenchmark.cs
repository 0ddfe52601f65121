using System.Diagnostics;
using System.Globalization;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Benchmarks;

/// <summary>
/// Answers of <c>nano</c> as a program gets them: pictures a second from files and from memory, and what a phrase costs that is known
/// or new. Speed does not depend on the weights: without a trained model, random ones are taken.
/// </summary>
internal static class InferenceBenchmark
{
    private const int Rounds = 5;

    /// <summary>Options: <c>--threads N</c>, <c>--model FOLDER</c>, <c>--passes N</c>.</summary>
    public static void Run(string[] arguments)
    {
        ThreadTeam.SetThreads(Options.Number(arguments, "--threads", Environment.ProcessorCount));
        var folder = Options.Text(arguments, "--model") ?? Path.Combine(Fixtures.Root, "models", "nano");
        var passes = Options.Number(arguments, "--passes", 10);
        using var model = Load(folder);
        using var grounder = Grounder.For(model);
        var files = Directory.GetFiles(Path.Combine(Fixtures.Root, "samples"), "*.jpg").Order(StringComparer.Ordinal).ToArray();
        var pictures = files.Select(file => Picture.Load(file)).ToArray();
        var sizes = string.Join(", ", pictures.Select(picture => $"{picture.Width} x {picture.Height}"));
        Console.WriteLine($"{model.Description}; {ThreadTeam.Shared.Threads} thread(s); pictures {sizes}");
        Report("picture in memory, 1 known phrase", passes, i => grounder.Ground(pictures[i % pictures.Length], ["the white blood cell"]));
        Report("picture in memory, 8 known phrases", passes, i => grounder.Ground(pictures[i % pictures.Length], s_phrases));
        Report("JPEG file, 1 known phrase", passes, i => grounder.Ground(Picture.Load(files[i % files.Length]), ["the white blood cell"]));
        ReportPhrases(folder, passes * 20);
    }

    private static readonly string[] s_phrases =
        ["the white blood cell", "the platelet on the left", "a red blood cell", "the largest cell", "the ace of hearts", "two of clubs", "the card in the middle", "the platelet left of the white blood cell"];

    private static FusionGroundingModel Load(string folder)
    {
        if (File.Exists(Path.Combine(folder, "model.safetensors"))) return FusionGroundingModel.Load(Checkpoints.HuggingFaceFolder.Open(folder));
        return new FusionGroundingModel(new FusionModel(FusionConfig.Nano, ParameterStore.Initialize(1)), new FusionProcessor(FusionConfig.Nano, Tokenizer.Load(folder)));
    }

    private static void Report(string what, int passes, Action<int> action)
    {
        for (var i = 0; i < 3; i++) action(i);
        var best = double.MaxValue;
        var all = 0.0;
        for (var round = 0; round < Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < passes; i++) action(i);
            var time = Stopwatch.GetElapsedTime(start).TotalMilliseconds / passes;
            best = Math.Min(best, time);
            all += time / Rounds;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-36} {best,8:F2} ms at best ({1000 / best:F1}/s), {all:F2} ms on average ({1000 / all:F1}/s)"));
    }

    /// <summary>The text side alone: a phrase that was asked before is a look-up, a new one is tokenized and encoded.</summary>
    private static void ReportPhrases(string folder, int count)
    {
        var tokenizer = Tokenizer.Load(folder);
        var processor = new FusionProcessor(FusionConfig.Nano, tokenizer);
        using var model = new FusionGroundingModel(new FusionModel(FusionConfig.Nano, ParameterStore.Initialize(1)), processor);
        using var scope = TensorScope.Open();
        model.EncodePhrase("the white blood cell");
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++) model.EncodePhrase("the white blood cell");
        var known = Stopwatch.GetElapsedTime(start).TotalMicroseconds / count;
        start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++) model.EncodePhrase($"white blood cell number {i}");
        var fresh = Stopwatch.GetElapsedTime(start).TotalMicroseconds / count;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"a phrase: known {known:F2} us, new {fresh:F0} us"));
    }
}
