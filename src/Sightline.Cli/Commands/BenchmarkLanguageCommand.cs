using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors;

namespace Sightline.Cli.Commands;

/// <summary>
/// <c>sightline benchmark language</c>: a vision-language model's image encoder, prompt and answer, each by itself, on random input: the time does not depend on
/// what is said. <c>benchmarks/peers/compare_language.py</c> puts other programs beside it.
/// </summary>
internal sealed class BenchmarkLanguageCommand : ToolCommand
{
    private const int Side = 32; // patches down; a multiple of every merge and window size in use
    private readonly Option<string> _model = new("--model", "-m") { Description = "Folder of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL model, quantized or not", HelpName = "FOLDER", Required = true };
    private readonly Option<string> _weights = new("--weights") { Description = "How matrices are kept: as-stored, bfloat16, int8, int4, with exceptions as int4,visual=int8", HelpName = "PLAN", DefaultValueFactory = _ => "as-stored" };
    private readonly Option<int> _columns = WithRange(new Option<int>("--patches") { Description = "Patches of the picture, a multiple of 64", HelpName = "N", DefaultValueFactory = _ => 2048 }, 0, 1 << 16);
    private readonly Option<int> _prompt = WithRange(new Option<int>("--prompt") { Description = "Tokens of the prompt", HelpName = "N", DefaultValueFactory = _ => 640 }, 1, 1 << 17);
    private readonly Option<int> _tokens = WithRange(new Option<int>("--tokens") { Description = "Tokens of the answer after its first", HelpName = "N", DefaultValueFactory = _ => 32 }, 1, 1 << 16);
    private readonly Option<int> _rounds = WithRange(new Option<int>("--rounds") { Description = "How often each is measured, after one round that does not count", HelpName = "N", DefaultValueFactory = _ => 2 }, 1, 1000);
    private readonly Option<string?> _json = JsonOption("the numbers");

    public BenchmarkLanguageCommand()
        : base(
            "language",
            "Seconds of a vision-language model for a picture and a prompt, tokens a second of its answer, and their memory",
            "sightline benchmark language --model qwen-int8",
            "sightline benchmark language --model Qwen/Qwen2-VL-2B-Instruct --weights int4,visual=int8 --json speed.json")
    {
        foreach (var option in new Option[] { _model, _weights, _columns, _prompt, _tokens, _rounds, _json }) Add(option);
        _columns.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && int.TryParse(token.Value, CultureInfo.InvariantCulture, out var patches) && patches % (2 * Side) != 0) result.AddError($"--patches must be a multiple of {2 * Side}, not {patches}");
        });
        SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Settings(
                parsed.GetValue(_model)!, parsed.GetValue(_weights)!, parsed.GetValue(_columns), parsed.GetValue(_prompt), parsed.GetValue(_tokens), parsed.GetValue(_rounds), JsonTarget(parsed, _json)),
            cancellation)));
    }

    private sealed record Settings(string Model, string Weights, int Patches, int Prompt, int Tokens, int Rounds, string? Json);

    /// <summary>A thing that was timed.</summary>
    /// <param name="What">For people.</param>
    /// <param name="Name">In JSON.</param>
    /// <param name="Count">Tokens that were computed in that time; 0 for the picture, whose time is shown instead of a speed.</param>
    /// <param name="Seconds">Of each round.</param>
    /// <param name="Allocated">Managed bytes of the last round, a token where there are any.</param>
    private sealed record Row(string What, string Name, int Count, IReadOnlyList<double> Seconds, long Allocated)
    {
        public double Best => Seconds.Min();
    }

    private int Run(Settings settings, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        using var loaded = QwenVlModel.Load(ModelLocation.Resolve(settings.Model), WeightPlan.Parse(settings.Weights));
        var load = watch.Elapsed.TotalSeconds;
        var rows = Measure(loaded.Model, settings, cancellation);
        var bytes = loaded.Parameters.Bytes;
        if (settings.Json is { } target) WriteJson(target, rows, load, bytes);
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        Terminal.Table(
            ["language model", ">seconds", ">tokens a second", ">managed bytes"],
            rows.Select(row => new[]
            {
                row.What,
                row.Best.ToString("0.000", CultureInfo.InvariantCulture),
                row.Count == 0 ? "" : (row.Count / row.Best).ToString("0.0", CultureInfo.InvariantCulture),
                row.Allocated.ToString("N0", CultureInfo.InvariantCulture) + (row.Count == 0 ? "" : " a token"),
            }));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"opened in {load:0.00} s; weights {bytes / 1e6:N0} MB, process at most {PeakBytes() / 1e6:N0} MB"));
        BenchmarkReport.WriteMachine(Terminal);
        return ExitCode.Success;
    }

    private static List<Row> Measure(QwenVlModel model, Settings settings, CancellationToken cancellation)
    {
        var random = new RandomStream(1);
        var rows = new List<Row>();
        if (settings.Patches > 0)
        {
            var values = new float[settings.Patches * model.Config.Vision.PatchLength];
            foreach (ref var value in values.AsSpan()) value = (2 * random.NextSingle()) - 1;
            var picture = new PicturePatches(values, new PictureGrid(1, Side, settings.Patches / Side));
            rows.Add(Time($"picture of {settings.Patches} patches", "image", 0, settings.Rounds, () =>
            {
                var start = Stopwatch.GetTimestamp();
                model.Encode(picture, cancellation).Dispose();
                return Stopwatch.GetElapsedTime(start).TotalSeconds;
            }));
        }

        using var engine = new GenerationEngine(model, new GenerationOptions { CacheTokens = settings.Prompt + settings.Tokens + 512, PromptTokensPerStep = Math.Max(settings.Prompt, 1) });
        rows.Add(Time($"prompt of {settings.Prompt} tokens and the first token", "prompt", settings.Prompt, settings.Rounds, () =>
        {
            var start = Stopwatch.GetTimestamp();
            Answer(engine, Ids(settings.Prompt), 1, cancellation);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }));
        var last = Ids(settings.Prompt);
        rows.Add(Time($"{settings.Tokens} tokens after it", "answer", settings.Tokens, settings.Rounds, () =>
        {
            var first = 0L;
            Answer(engine, last, settings.Tokens + 1, cancellation, token => first = token.Index == 0 ? Stopwatch.GetTimestamp() : first);
            return Stopwatch.GetElapsedTime(first).TotalSeconds;
        }));
        return rows;

        int[] Ids(int count)
        {
            var ids = new int[count];
            foreach (ref var id in ids.AsSpan()) id = random.NextInt(Math.Min(100_000, model.Sizes.VocabularySize / 2));
            return ids;
        }
    }

    private static Row Time(string what, string name, int count, int rounds, Func<double> action)
    {
        action();
        var seconds = new double[rounds];
        var allocated = 0L;
        for (var round = 0; round < rounds; round++)
        {
            var before = GC.GetTotalAllocatedBytes();
            seconds[round] = action();
            allocated = GC.GetTotalAllocatedBytes() - before;
        }

        return new Row(what, name, count, seconds, allocated / Math.Max(count, 1));
    }

    private static void Answer(GenerationEngine engine, int[] prompt, int tokens, CancellationToken cancellation, Action<GeneratedToken>? onToken = null)
    {
        var ticket = engine.Submit(new GenerationRequest { Prompt = prompt, MaxTokens = tokens, Cancellation = cancellation }, onToken);
        while (engine.Step()) cancellation.ThrowIfCancellationRequested();
        if (ticket.Result is null) throw new InvalidOperationException("the engine stopped before the answer");
    }

    private static long PeakBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    private void WriteJson(string target, List<Row> rows, double load, long bytes) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        json.WriteNumber("load_seconds", Math.Round(load, 3));
        json.WriteNumber("weight_bytes", bytes);
        json.WriteNumber("peak_process_bytes", PeakBytes());
        json.WriteStartArray("language");
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("what", row.What);
            json.WriteString("name", row.Name);
            json.WriteNumber("seconds", Math.Round(row.Best, 5));
            if (row.Count > 0) json.WriteNumber("tokens_per_second", Math.Round(row.Count / row.Best, 3));
            json.WriteNumber("managed_bytes", row.Allocated);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        BenchmarkReport.WriteMachine(json, Terminal);
        json.WriteEndObject();
    });
}
