using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Sightline.Cli.Output;
using Sightline.Grounding;
using Sightline.Training.Data;
using Sightline.Training.Expressions;
using Sightline.Training.Grounding;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline data label</c>: boxes of some classes in many pictures, as a data set.</summary>
internal sealed class DataLabelCommand : ToolCommand
{
    private readonly Argument<string> _pictures = new("PICTURES") { Description = "Folder of pictures, or a data set in any readable format" };
    private readonly Argument<string> _output = new("OUTPUT") { Description = "File to write (a folder for voc and yolo)" };
    private readonly Option<string[]> _classes = new("--class", "-c") { Description = "What to look for; default: the classes of the data set", HelpName = "NAME", AllowMultipleArgumentsPerToken = true };
    private readonly Option<string?> _phrases = new("--phrases") { Description = "JSON file with readable phrases for class names", HelpName = "FILE" };
    private readonly Option<string> _to = new("--to", "-t") { Description = "Format to write: sightline, coco (keeps scores), yolo, voc or odvg", HelpName = "FORMAT", DefaultValueFactory = _ => "sightline" };
    private readonly Option<bool> _copy = new("--copy-pictures") { Description = "Copy the pictures beside the annotations" };
    private readonly Option<string?> _model = new("--model", "-m") { Description = ModelLocation.OptionText, HelpName = "FOLDER" };
    private readonly Option<double> _threshold = new("--threshold") { Description = "Leave out what has a lower score; default: 0.3, and 0 for vision-language models", HelpName = "SCORE" };
    private readonly Option<int> _most = new("--most") { Description = "Most boxes of a class in a picture", HelpName = "N", DefaultValueFactory = _ => new GroundingOptions().MaximumDetections };
    private readonly Option<int> _together = new("--together") { Description = "Classes asked in one pass", HelpName = "N", DefaultValueFactory = _ => DataSetEvaluator.UsualClassesTogether };
    private readonly DataSetOptions _open;
    private readonly LanguageModelOptions _language;

    public DataLabelCommand()
        : base(
            "label",
            "Let a model label pictures: boxes to begin with, for people to correct",
            "sightline data label photos cells.jsonl --class \"red blood cell\" --class \"white blood cell\"",
            "sightline data label photos cells.json --to coco --class cell --threshold 0.5 --model runs/cells/model",
            "mpirun -np 4 sightline data label cells.jsonl relabelled.jsonl --model Qwen/Qwen2-VL-2B-Instruct --int8")
    {
        _to.AcceptOnlyFromAmong("sightline", "coco", "yolo", "voc", "odvg");
        Add(_pictures);
        Add(_output);
        Add(_classes);
        Add(_phrases);
        Add(_to);
        Add(_copy);
        Add(_model);
        Add(WithRange(_threshold, 0.0, 1.0));
        Add(WithRange(_most, 1, 100_000));
        Add(WithRange(_together, 1, 1000));
        _open = new DataSetOptions(this);
        _language = new LanguageModelOptions(this, hasSeed: true, hasContext: false);
        SetAction((parsed, cancellation) => RunAsync(
            parsed,
            new Settings(parsed.GetRequiredValue(_pictures), parsed.GetRequiredValue(_output), parsed.GetValue(_classes) ?? [], parsed.GetValue(_phrases), DataFormats.Parse(parsed.GetValue(_to)!), parsed.GetValue(_copy), parsed.GetValue(_model)),
            cancellation));
    }

    public override bool DividesItsWork => true;

    private sealed record Settings(string Pictures, string Output, string[] Classes, string? Phrases, DataFormat To, bool CopyPictures, string? Model);

    private async Task<int> RunAsync(ParseResult parsed, Settings settings, CancellationToken cancellation)
    {
        OutputFile.RequireOther(settings.Output, settings.Pictures);
        var data = PictureFolderReader.IsAt(settings.Pictures) ? PictureFolderReader.Read(settings.Pictures) : _open.Open(parsed, settings.Pictures);
        string[] classes = [.. (settings.Classes.Length > 0 ? settings.Classes : data.Classes).Distinct()];
        if (classes.Length == 0) throw new SightlineException(ErrorKind.Usage, $"{settings.Pictures} has no classes: say what to look for with --class NAME");
        if (data.Samples.Count == 0) throw new SightlineException(ErrorKind.BadData, $"{settings.Pictures} has no picture");
        data = data with { Classes = classes };
        data.RequireSame(Ranks);
        var names = settings.Phrases is { } file ? ClassNames.LoadFor(data, file) : ClassNames.Plain;
        var options = new GroundingOptions
        {
            Language = _language.Of(parsed),
            Threshold = parsed.GetResult(_threshold) is { Implicit: false } ? parsed.GetValue(_threshold) : null,
            MaximumDetections = parsed.GetValue(_most),
            PhrasesTogether = parsed.GetValue(_together),
        };
        var model = ModelLocation.Resolve(settings.Model);
        RankedArguments.RequireSameModel(Ranks, model);
        using var journal = new LabelJournal(Path.TrimEndingDirectorySeparator(settings.Output) + ".partial", Describe(parsed, data, classes.Select(names.PhraseOf), model));
        using var grounder = Grounder.Load(model, _language.Weights(parsed), cancellation);
        var labeller = new DataSetLabeller(grounder) { Ranks = Ranks, Options = options, Journal = journal, Progress = EvaluationData.Progress(Terminal) };
        var (labelled, unread) = await LabelAsync(labeller, data, classes, names, cancellation);
        if (!Ranks.IsRoot) return ExitCode.Success; // rank 0 has all labels, too, and writes them
        var result = DataConverter.Convert(labelled, settings.Output, settings.To, settings.CopyPictures);
        journal.Delete();
        foreach (var loss in result.Losses) Terminal.Hint($"lost: {loss}");
        if (unread > 0) Terminal.Hint($"warning: {unread} answers of the model could not be read and label nothing; --constrained holds it to the form");
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{result.Output}: {result.Samples} pictures, {result.Objects} boxes of {classes.Length} classes ({settings.To.ToString().ToLowerInvariant()})"));
        return ExitCode.Success;
    }

    private async Task<(DataSet Labelled, int Unread)> LabelAsync(DataSetLabeller labeller, DataSet data, string[] classes, ClassNames names, CancellationToken cancellation)
    {
        try
        {
            return await labeller.LabelAsync(data, classes, names, cancellation);
        }
        catch (OperationCanceledException)
        {
            Terminal.Hint($"finished pictures are kept in {labeller.Journal!.Folder}; the same command goes on from there");
            throw;
        }
    }

    /// <summary>Everything that decides what is found, and nothing else: how many processes share the work may change.</summary>
    private string Describe(ParseResult parsed, DataSet data, IEnumerable<string> phrases, string model)
    {
        var text = new StringBuilder();
        text.Append("model ").AppendLine(Path.GetFullPath(model));
        string[] weights = Directory.Exists(model) ? Directory.GetFiles(model, "*.safetensors") : [];
        foreach (var file in weights.Order(StringComparer.Ordinal))
            text.AppendLine(CultureInfo.InvariantCulture, $"weights {Path.GetFileName(file)}, {new FileInfo(file).Length} bytes of {File.GetLastWriteTimeUtc(file):O}");
        foreach (var (label, phrase) in data.Classes.Zip(phrases)) text.AppendLine(CultureInfo.InvariantCulture, $"class {label} as {phrase}");
        var names = string.Join('\n', data.Samples.Select(sample => sample.PictureFile));
        text.AppendLine(CultureInfo.InvariantCulture, $"pictures {data.Samples.Count} in {Path.GetFullPath(data.PictureFolder)}, {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(names)))}");
        foreach (var option in Options.Where(option => option != _to && option != _copy && parsed.GetResult(option) is { Implicit: false }).OrderBy(option => option.Name, StringComparer.Ordinal))
            text.Append(option.Name).Append(' ').AppendJoin(' ', parsed.GetResult(option)!.Tokens.Select(token => token.Value)).AppendLine();
        return text.ToString();
    }
}
