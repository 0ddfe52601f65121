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
    private readonly Option<string?> _export = new("--export") { Description = "Write the boxes as a data set too", HelpName = "FORMAT" };
    private readonly Option<string?> _exportTo = new("--export-to") { Description = "Where --export writes; default: NAME.FORMAT (.json) in the current folder", HelpName = "PATH" };
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
                JsonTarget(parsed, _json)),
            cancellation));
    }

    private sealed record Settings(
        string Picture, string[] Phrases, string? Model, WeightPlan Weights, GroundingOptions Options, bool NoPicture, string? Output,
        string? Crops, double Margin, string? Export, string? ExportTo, string? Json)
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
        var picture = Picture.Load(settings.Picture); // before the model: a wrong path is the commonest mistake
        using var grounder = Grounder.Load(ModelLocation.Resolve(settings.Model), settings.Weights);
        var result = await AskAsync(grounder, picture, settings, cancellation);
        var written = new List<string>();
        if (settings.Annotated is { } annotated)
        {
            GroundingFiles.WriteAnnotated(result, annotated);
            written.Add(annotated);
        }

        if (settings.Crops is { } folder) written.AddRange(GroundingFiles.WriteCrops(result, folder, Path.GetFileNameWithoutExtension(settings.Picture), settings.Margin));
        if (settings.Export is { } format) written.Add(GroundingFiles.Export(result, settings.Picture, format, settings.ExportTo));
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => GroundingTable.WriteJson(json, result, settings.Picture));
        if (settings.Json != JsonOutput.Stdout)
        {
            GroundingTable.Write(Terminal, result);
            foreach (var path in written) Terminal.Line($"wrote {path}");
        }

        return Judge(result, settings.Options.Language);
    }

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
