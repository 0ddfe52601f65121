using System.CommandLine;
using Sightline.Cli.Output;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Nn;
using Sightline.Text.Prompts;

namespace Sightline.Cli.Commands;

/// <summary>A question about one picture to a model of either kind: what <c>ground</c>, <c>detect</c>, <c>reason</c>, <c>point</c> and <c>classify</c> share.</summary>
internal abstract class AskCommand : ToolCommand
{
    private readonly GroundingTask _task;
    private readonly Argument<string> _picture = new("PICTURE") { Description = "JPEG, PNG, WebP, TIFF, GIF or BMP file" };
    private readonly Argument<string[]> _phrases;
    private readonly Option<string?> _model = new("--model", "-m") { Description = ModelLocation.OptionText, HelpName = "FOLDER" };
    private readonly Option<double> _threshold = new("--threshold", "-t") { Description = "Leave out what has a lower score; default: 0.3, and 0 for vision-language models", HelpName = "SCORE" };
    private readonly Option<int> _most;
    private readonly Option<string?> _output = new("--output", "-o") { Description = "Annotated picture to write; default: NAME.boxes.jpg in the current folder", HelpName = "FILE" };
    private readonly Option<bool> _noPicture = new("--no-picture") { Description = "Write no annotated picture" };
    private readonly Option<string?> _crops = new("--crops") { Description = "Write each region as a picture of its own, for the next model", HelpName = "FOLDER" };
    private readonly Option<double> _margin = new("--margin") { Description = "Widen each crop by this share of its size on every side", HelpName = "SHARE" };
    private readonly Option<string?> _export = new("--export") { Description = "Write the boxes as a data set too: coco, yolo or voc", HelpName = "FORMAT" };
    private readonly Option<string?> _exportTo = new("--export-to") { Description = "Where --export writes; default: NAME.FORMAT (.json) in the current folder", HelpName = "PATH" };
    private readonly Option<bool> _labelsOnly = new("--export-labels-only") { Description = "Do not copy the picture beside labels in yolo or voc" };
    private readonly Option<string?> _json = JsonOption("the answers");
    private readonly LanguageModelOptions _language;

    protected AskCommand(GroundingTask task, string name, string description, Argument<string[]> phrases, params string[] examples)
        : base(name, description, examples)
    {
        _task = task;
        _phrases = phrases;
        _most = new Option<int>("--most") { Description = task == GroundingTask.Pointing ? "Most points a phrase" : "Most boxes a phrase", HelpName = "N", DefaultValueFactory = _ => new GroundingOptions().MaximumDetections };
        _export.AcceptOnlyFromAmong("coco", "yolo", "voc");
        RequireJsonFile(_json);
        Add(_picture);
        Add(_phrases);
        Add(_model);
        if (task != GroundingTask.Classification) AddRegions(task);
        Add(_json);
        _language = new LanguageModelOptions(this);
        SetAction((parsed, cancellation) => RunAsync(
            new Settings(
                parsed.GetRequiredValue(_picture),
                parsed.GetValue(_phrases) ?? [],
                parsed.GetValue(_model),
                _language.Weights(parsed),
                Asked(parsed),
                task == GroundingTask.Classification || parsed.GetValue(_noPicture),
                parsed.GetValue(_output),
                parsed.GetValue(_crops),
                parsed.GetValue(_margin),
                parsed.GetValue(_export),
                parsed.GetValue(_exportTo),
                parsed.GetValue(_labelsOnly),
                JsonTarget(parsed, _json)),
            cancellation));
    }

    private sealed record Settings(
        string Picture, string[] Phrases, string? Model, WeightPlan Weights, GroundingOptions Options, bool NoPicture, string? Output,
        string? Crops, double Margin, string? Export, string? ExportTo, bool LabelsOnly, string? Json)
    {
        /// <summary>Where the annotated picture goes, or null for none: a script that asks for JSON on stdout gets no file beside it.</summary>
        public string? Annotated => NoPicture ? null : Output ?? (Json == JsonOutput.Stdout ? null : $"{Path.GetFileNameWithoutExtension(Picture)}.boxes.jpg");
    }

    /// <summary>What is asked, where an option can change it.</summary>
    protected virtual GroundingTask TaskOf(ParseResult parsed) => _task;

    private void AddRegions(GroundingTask task)
    {
        Add(WithRange(_threshold, 0.0, 1.0));
        Add(WithRange(_most, 1, 100_000));
        Add(_output);
        Add(_noPicture);
        if (task == GroundingTask.Pointing) return;
        Add(_crops);
        Add(WithRange(_margin, 0.0, 10.0));
        Add(_export);
        Add(_exportTo);
        Add(_labelsOnly);
    }

    private GroundingOptions Asked(ParseResult parsed) => new()
    {
        Task = TaskOf(parsed),
        Language = _language.Of(parsed),
        Threshold = parsed.GetResult(_threshold) is { Implicit: false } ? parsed.GetValue(_threshold) : null,
        MaximumDetections = parsed.GetResult(_most) is null ? new GroundingOptions().MaximumDetections : parsed.GetValue(_most),
    };

    private async Task<int> RunAsync(Settings settings, CancellationToken cancellation)
    {
        if (settings is { ExportTo: not null, Export: null }) throw new SightlineException(ErrorKind.Usage, "--export-to says where --export writes: add --export coco, yolo or voc");
        foreach (var output in new[] { settings.Annotated, settings.ExportTo, settings.Json }) OutputFile.RequireOther(output, settings.Picture);
        if (settings.Annotated is { } name) OutputFile.RequirePicture(name);
        var picture = Picture.Load(settings.Picture); // before the model: a wrong path is the commonest mistake
        using var grounder = Grounder.Load(ModelLocation.Resolve(settings.Model), settings.Weights, cancellation);
        var result = await AskAsync(grounder, picture, settings, cancellation);
        foreach (var answer in result.Answers.Where(answer => answer.IgnoredWordPieces > 0))
            Terminal.Hint($"warning: the phrase '{Beginning(answer.Phrase)}' is longer than the model reads: its last {answer.IgnoredWordPieces} word pieces were ignored");
        if (settings.Annotated is { } annotated)
        {
            GroundingFiles.WriteAnnotated(result, annotated);
            Wrote(annotated);
        }

        if (settings.Crops is { } folder) Wrote([.. GroundingFiles.WriteCrops(result, folder, Path.GetFileNameWithoutExtension(settings.Picture), settings.Margin)]);
        if (settings.Export is { } format) Wrote(GroundingFiles.Export(result, settings.Picture, format, settings.ExportTo, settings.LabelsOnly));
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => GroundingTable.WriteJson(json, result, settings.Picture));
        if (settings.Json != JsonOutput.Stdout) GroundingTable.Write(Terminal, result);
        return Judge(result, settings.Options.Language);
    }

    /// <summary>Said at once: where a later result cannot be written, the earlier ones are known.</summary>
    private void Wrote(params ReadOnlySpan<string> paths)
    {
        foreach (var path in paths) Terminal.Hint($"wrote {path}");
    }

    private static string Beginning(string phrase) => phrase.Length <= 40 ? phrase : phrase[..40] + "...";

    private async Task<GroundingResult> AskAsync(Grounder grounder, Picture picture, Settings settings, CancellationToken cancellation)
    {
        using var display = new AnswerDisplay(Terminal);
        return await grounder.GroundAsync(picture, settings.Phrases, settings.Options with { Language = settings.Options.Language with { Progress = display } }, cancellation);
    }

    /// <summary>What was not understood is said, and is not "nothing here" for a script.</summary>
    private int Judge(GroundingResult result, LanguageOptions language)
    {
        foreach (var spoken in result.Spoken)
        {
            if (spoken.Problem is not { } problem) continue;
            var advice = spoken.Reason == Generation.FinishReason.Length ? "; --max-tokens allows more"
                : !spoken.IsUnderstood && !language.IsConstrained ? "; --constrained holds the model to the form" : "";
            Terminal.Hint($"warning: {problem}{advice}");
        }

        return result.Spoken.All(spoken => spoken.IsUnderstood) ? ExitCode.Success : (int)ErrorKind.CheckFailed;
    }
}
