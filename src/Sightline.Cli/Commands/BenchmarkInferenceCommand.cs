using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Tensors.Quantized;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline benchmark inference</c>: pictures a second of a model, as a program gets them.</summary>
internal sealed class BenchmarkInferenceCommand : ToolCommand
{
    private readonly Option<string?> _model = new("--model", "-m") { Description = ModelLocation.OptionText, HelpName = "FOLDER" };
    private readonly Option<string?> _samples = new("--samples") { Description = "Folder with pictures and phrases.json; default: the shipped samples", HelpName = "FOLDER" };
    private readonly Option<bool> _int8 = new("--int8") { Description = "Quantize the model's linear layers to int8 while loading" };
    private readonly Option<double> _seconds = new("--seconds") { Description = "Time of each of the five rounds of a row", HelpName = "S", DefaultValueFactory = _ => 1 };
    private readonly Option<string?> _json = JsonOption("the numbers");

    public BenchmarkInferenceCommand()
        : base(
            "inference",
            "Pictures a second of a model, from memory and from files, with one phrase and with several",
            "sightline benchmark inference",
            "sightline benchmark inference --model runs/cells/model --int8 --json speed.json")
    {
        Add(_model);
        Add(_samples);
        Add(_int8);
        Add(WithRange(_seconds, 0.01, 60));
        Add(_json);
        SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Settings(parsed.GetValue(_model), parsed.GetValue(_samples), parsed.GetValue(_int8), parsed.GetValue(_seconds), JsonTarget(parsed, _json)), cancellation)));
    }

    private sealed record Settings(string? Model, string? Samples, bool Int8, double Seconds, string? Json);

    private int Run(Settings settings, CancellationToken cancellation)
    {
        var samples = SampleFolder.Open(settings.Samples ?? SampleFolder.Find());
        if (samples.Pictures.Count == 0) throw new SightlineException(ErrorKind.BadData, $"{samples.Folder}: phrases.json names no picture");
        var files = samples.Pictures.Select(sample => Path.Combine(samples.Folder, sample.Picture)).ToArray();
        var pictures = files.Select(file => Picture.Load(file)).ToArray();
        var phrases = samples.Pictures.SelectMany(sample => sample.Phrases).Distinct().Take(8).ToArray();
        var watch = Stopwatch.StartNew();
        using var grounder = Grounder.Load(ModelLocation.Resolve(settings.Model), settings.Int8 ? QuantizedFormat.Int8 : null);
        var loaded = watch.Elapsed.TotalMilliseconds;
        watch.Restart();
        grounder.Ground(pictures[0], phrases[..1]);
        var first = watch.Elapsed.TotalMilliseconds;
        var separate = new GroundingOptions { PhrasesTogether = 1 };
        BenchmarkRow[] rows =
        [
            Row("picture in memory, 1 known phrase", i => grounder.Ground(pictures[i % pictures.Length], phrases[..1])),
            Row($"picture in memory, {phrases.Length} known phrases together", i => grounder.Ground(pictures[i % pictures.Length], phrases)),
            Row($"picture in memory, {phrases.Length} known phrases one by one", i => grounder.Ground(pictures[i % pictures.Length], phrases, separate)),
            Row("picture in memory, 1 new phrase", i => grounder.Ground(pictures[i % pictures.Length], [$"{phrases[0]} number {i}"])),
            Row("picture file, 1 known phrase", i => grounder.Ground(Picture.Load(files[i % files.Length]), phrases[..1])),
        ];
        if (settings.Json is { } target)
        {
            JsonOutput.Write(Terminal, target, json =>
            {
                json.WriteStartObject();
                json.WriteString("model", grounder.Description);
                json.WriteNumber("load_ms", Math.Round(loaded, 1));
                json.WriteNumber("first_picture_ms", Math.Round(first, 1));
                BenchmarkReport.WriteJson(json, "inference", rows);
                BenchmarkReport.WriteMachine(json, Terminal);
                json.WriteEndObject();
            });
        }

        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        var sizes = string.Join(", ", pictures.Select(picture => $"{picture.Width} x {picture.Height}").Distinct());
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{grounder.Description}{(settings.Int8 ? ", int8" : "")}: loaded in {loaded:0} ms, first picture {first:0} ms; pictures of {sizes}"));
        BenchmarkReport.Write(Terminal, "inference", rows);
        BenchmarkReport.WriteMachine(Terminal);
        return ExitCode.Success;

        BenchmarkRow Row(string what, Action<int> action) => new(what, BenchmarkReport.Rate(action, settings.Seconds, cancellation));
    }
}
