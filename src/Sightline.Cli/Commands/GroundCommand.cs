using System.CommandLine;
using Sightline.Cli.Output;
using Sightline.Grounding;
using Sightline.Imaging;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline ground</c>: boxes for phrases in one picture.</summary>
internal sealed class GroundCommand : ToolCommand
{
    private readonly Argument<string> _picture = new("PICTURE") { Description = "JPEG, PNG, WebP, TIFF, GIF or BMP file" };
    private readonly Argument<string[]> _phrases = new("PHRASE") { Description = "What to look for; several phrases are answered in one pass", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _model = new("--model", "-m") { Description = ModelLocation.OptionText, HelpName = "FOLDER" };
    private readonly Option<double> _threshold = new("--threshold", "-t") { Description = "Leave out boxes with a lower score", HelpName = "SCORE", DefaultValueFactory = _ => new GroundingOptions().Threshold };
    private readonly Option<int> _most = new("--most") { Description = "Most boxes a phrase", HelpName = "N", DefaultValueFactory = _ => new GroundingOptions().MaximumDetections };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "Annotated picture to write; default: NAME.boxes.jpg in the current folder", HelpName = "FILE" };
    private readonly Option<bool> _noPicture = new("--no-picture") { Description = "Write no annotated picture" };
    private readonly Option<string?> _crops = new("--crops") { Description = "Write each region as a picture of its own, for the next model", HelpName = "FOLDER" };
    private readonly Option<double> _margin = new("--margin") { Description = "Widen each crop by this share of its size on every side", HelpName = "SHARE" };
    private readonly Option<string?> _export = new("--export") { Description = "Write the boxes as a data set too", HelpName = "FORMAT" };
    private readonly Option<string?> _exportTo = new("--export-to") { Description = "Where --export writes; default: NAME.FORMAT (.json) in the current folder", HelpName = "PATH" };
    private readonly Option<string?> _json = JsonOption("the answers");

    public GroundCommand()
        : base(
            "ground",
            "Find what phrases mean in a picture: boxes, scores, an annotated picture",
            "sightline ground samples/blood-smear.jpg \"the white blood cell\"",
            "sightline ground photo.jpg \"the bus on the left\" \"a dog\" --output found.png --crops regions",
            "sightline ground photo.jpg \"a dog\" --threshold 0.5 --export coco --export-to dogs.json --json")
    {
        _export.AcceptOnlyFromAmong("coco", "yolo", "voc");
        RequireJsonFile(_json);
        Add(_picture);
        Add(_phrases);
        Add(_model);
        Add(WithRange(_threshold, 0.0, 1.0));
        Add(WithRange(_most, 1, 100_000));
        Add(_output);
        Add(_noPicture);
        Add(_crops);
        Add(WithRange(_margin, 0.0, 10.0));
        Add(_export);
        Add(_exportTo);
        Add(_json);
        SetAction((parsed, cancellation) => RunAsync(
            new Settings(
                parsed.GetRequiredValue(_picture),
                parsed.GetRequiredValue(_phrases),
                parsed.GetValue(_model),
                new GroundingOptions { Threshold = parsed.GetValue(_threshold), MaximumDetections = parsed.GetValue(_most) },
                parsed.GetValue(_output),
                parsed.GetValue(_noPicture),
                parsed.GetValue(_crops),
                parsed.GetValue(_margin),
                parsed.GetValue(_export),
                parsed.GetValue(_exportTo),
                JsonTarget(parsed, _json)),
            cancellation));
    }

    private sealed record Settings(
        string Picture, string[] Phrases, string? Model, GroundingOptions Options, string? Output, bool NoPicture,
        string? Crops, double Margin, string? Export, string? ExportTo, string? Json)
    {
        /// <summary>Where the annotated picture goes, or null for none: a script that asks for JSON on stdout gets no file beside it.</summary>
        public string? Annotated => NoPicture ? null : Output ?? (Json == JsonOutput.Stdout ? null : $"{Path.GetFileNameWithoutExtension(Picture)}.boxes.jpg");
    }

    private async Task<int> RunAsync(Settings settings, CancellationToken cancellation)
    {
        var picture = Picture.Load(settings.Picture); // before the model: a wrong path is the commonest mistake
        using var grounder = Grounder.Load(ModelLocation.Resolve(settings.Model));
        var result = await grounder.GroundAsync(picture, settings.Phrases, settings.Options, cancellation);
        var written = new List<string>();
        if (settings.Annotated is { } annotated)
        {
            GroundingFiles.WriteAnnotated(result, annotated);
            written.Add(annotated);
        }

        if (settings.Crops is { } folder) written.AddRange(GroundingFiles.WriteCrops(result, folder, Path.GetFileNameWithoutExtension(settings.Picture), settings.Margin));
        if (settings.Export is { } format) written.Add(GroundingFiles.Export(result, settings.Picture, format, settings.ExportTo));
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => GroundingTable.WriteJson(json, result, settings.Picture));
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        GroundingTable.Write(Terminal, result);
        foreach (var path in written) Terminal.Line($"wrote {path}");
        return ExitCode.Success;
    }
}
