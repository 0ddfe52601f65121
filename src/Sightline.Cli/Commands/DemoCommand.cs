using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Grounding;
using Sightline.Imaging;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline demo</c>: the shipped model on the sample pictures, with the phrases of samples/phrases.json.</summary>
internal sealed class DemoCommand : ToolCommand
{
    private readonly Option<string?> _model = new("--model", "-m") { Description = ModelLocation.OptionText, HelpName = "FOLDER" };
    private readonly Option<string?> _samples = new("--samples") { Description = "Folder with pictures and phrases.json; default: the shipped samples", HelpName = "FOLDER" };
    private readonly Option<string> _output = new("--output", "-o") { Description = "Folder for the annotated pictures", HelpName = "FOLDER", DefaultValueFactory = _ => "demo" };

    public DemoCommand()
        : base("demo", "Find things in the sample pictures with the shipped model", "sightline demo", "sightline demo --output /tmp/demo")
    {
        Add(_model);
        Add(_samples);
        Add(_output);
        SetAction((parsed, cancellation) => RunAsync(new Settings(parsed.GetValue(_model), parsed.GetValue(_samples), parsed.GetRequiredValue(_output)), cancellation));
    }

    private sealed record Settings(string? Model, string? Samples, string Output);

    private async Task<int> RunAsync(Settings settings, CancellationToken cancellation)
    {
        var samples = SampleFolder.Open(settings.Samples ?? SampleFolder.Find());
        var watch = Stopwatch.StartNew();
        using var grounder = Grounder.Load(ModelLocation.Resolve(settings.Model));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{grounder.Description}, loaded in {watch.ElapsedMilliseconds} ms"));
        foreach (var (name, phrases) in samples.Pictures)
        {
            var picture = Picture.Load(Path.Combine(samples.Folder, name));
            watch.Restart();
            var result = await grounder.GroundAsync(picture, phrases, cancellationToken: cancellation);
            var time = watch.ElapsedMilliseconds;
            var path = Path.Combine(settings.Output, Path.GetFileNameWithoutExtension(name) + ".boxes.jpg");
            GroundingFiles.WriteAnnotated(result, path);
            Terminal.Line();
            Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{name} ({time} ms): {path}"));
            GroundingTable.Write(Terminal, result);
        }

        return ExitCode.Success;
    }
}
