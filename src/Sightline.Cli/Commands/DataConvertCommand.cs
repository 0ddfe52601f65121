using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Training.Data;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline data convert</c>: from one annotation format to another, saying what the target cannot hold.</summary>
internal sealed class DataConvertCommand : ToolCommand
{
    private readonly Argument<string> _input = new("INPUT") { Description = "Annotation file or folder of a data set" };
    private readonly Argument<string> _output = new("OUTPUT") { Description = "File to write (a folder for voc, yolo, flickr30k)" };
    private readonly Option<string> _to = new("--to", "-t") { Description = $"Format to write: {string.Join(", ", DataSetOptions.WritableNames)}", HelpName = "FORMAT", Required = true };
    private readonly DataSetOptions _open;
    private readonly Option<bool> _copy = new("--copy-pictures") { Description = "Copy the pictures beside the annotations" };
    private readonly Option<double?> _holdOut = new("--hold-out") { Description = "Mark this random share of the pictures 'val', the rest 'train'", HelpName = "SHARE" };
    private readonly Option<int?> _holdOutEvery = new("--hold-out-every") { Description = "Mark every N-th block of neighbouring names 'val' (for pictures taken in sequence)", HelpName = "N" };
    private readonly Option<int> _block = new("--hold-out-block") { Description = "Pictures in such a block", HelpName = "N", DefaultValueFactory = _ => 12 };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of --hold-out, --shots and --negatives", HelpName = "N", DefaultValueFactory = _ => 1 };
    private readonly Option<int?> _shots = new("--shots") { Description = "Only N pictures of each class, drawn by --seed (of a set without classes: N pictures)", HelpName = "N" };
    private readonly ProblemMakingOptions _making;

    public DataConvertCommand()
        : base(
            "convert",
            "From one annotation format to another",
            "sightline data convert pascal-folder cells.jsonl --to sightline",
            "sightline data convert instances_val2017.json yolo-folder --to yolo --pictures val2017 --copy-pictures",
            "sightline data convert photos-of-cards cards.json --to coco --hold-out-every 4",
            "sightline data convert cells.jsonl problems.jsonl --to problems --split train --shots 4 --seed 1 --negatives 0.1",
            "sightline data convert flowers problems.json --to visualrft --value subject=\"a plant\" --value property=\"species of the plant\"",
            "sightline data convert ViRFT_COCO problems.jsonl --to problems --copy-pictures")
    {
        _to.AcceptOnlyFromAmong(DataSetOptions.WritableNames);
        Add(_input);
        Add(_output);
        Add(_to);
        _open = new DataSetOptions(this);
        Add(_copy);
        Add(_holdOut);
        Add(_holdOutEvery);
        Add(WithRange(_block, 1, 1_000_000));
        Add(_seed);
        Add(_shots);
        _making = new ProblemMakingOptions(this);
        SetAction(parsed => Run(parsed, new Settings(
            parsed.GetRequiredValue(_input),
            parsed.GetRequiredValue(_output),
            DataFormats.Parse(parsed.GetRequiredValue(_to)),
            parsed.GetValue(_copy),
            parsed.GetValue(_holdOut),
            parsed.GetValue(_holdOutEvery),
            parsed.GetValue(_block),
            parsed.GetValue(_seed),
            parsed.GetValue(_shots))));
    }

    private sealed record Settings(string Input, string Output, DataFormat To, bool CopyPictures, double? HoldOut, int? HoldOutEvery, int Block, ulong Seed, int? Shots);

    private int Run(ParseResult parsed, Settings settings)
    {
        if (settings.HoldOut is not null && settings.HoldOutEvery is not null) throw new SightlineException(ErrorKind.Usage, "give --hold-out or --hold-out-every, not both");
        if (settings.HoldOutEvery is < 2) throw new SightlineException(ErrorKind.Usage, "--hold-out-every must be at least 2");
        OutputFile.RequireOther(settings.Output, settings.Input);
        if (Directory.Exists(settings.Input) && File.Exists(settings.Output) && OutputFile.IsIn(settings.Output, settings.Input))
            throw new SightlineException(ErrorKind.Usage, $"{settings.Output} is a file of the data set that is read: write to another place");
        var data = _open.Open(parsed, settings.Input);
        if (settings.HoldOut is { } share) data = DataSplit.ByFraction(data, share, settings.Seed);
        if (settings.HoldOutEvery is { } every) data = DataSplit.ByBlocks(data, settings.Block, every);
        if (ProblemFormats.IsProblems(settings.To)) return WriteProblems(parsed, settings, data);
        if (settings.Shots is { } shots) data = FewShot.Subset(data, shots, settings.Seed) with { Problems = null };
        var result = DataConverter.Convert(data, settings.Output, settings.To, settings.CopyPictures);
        foreach (var note in data.Notes) Terminal.Hint($"note: {note}");
        foreach (var loss in result.Losses) Terminal.Hint($"lost: {loss}");
        if (result.MissingPictures > 0 && !settings.CopyPictures)
        {
            Terminal.Hint(!DataFormats.IsFolder(settings.To)
                ? $"warning: {result.MissingPictures} pictures are not found from {settings.Output}: --copy-pictures copies them beside it, or name their folder with --pictures when it is read"
                : $"warning: {result.MissingPictures} pictures do not lie in {Path.Combine(settings.Output, DataConverter.PicturePlace(settings.To))}, where {result.Format.ToString().ToLowerInvariant()} looks for them: --copy-pictures copies them there");
        }

        Terminal.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{result.Output}: {result.Samples} pictures, {result.Objects} boxes, {result.Phrases} phrases ({result.Format.ToString().ToLowerInvariant()})"));
        return ExitCode.Success;
    }

    private int WriteProblems(ParseResult parsed, Settings settings, DataSet data)
    {
        var problems = _making.Make(parsed, data, settings.Shots, settings.Seed, out var notes);
        ProblemFormats.Write(problems, settings.Output, settings.To, settings.CopyPictures);
        foreach (var note in (IEnumerable<string>)[.. data.Notes, .. notes]) Terminal.Hint($"note: {note}");
        var nothing = problems.Count(problem => problem.Boxes is { Count: 0 });
        var open = problems.Count(problem => problem.Solution is null && problem.Answer is null);
        var missing = problems.SelectMany(problem => problem.Pictures).Select(picture => picture.File).OfType<string>().Distinct().Count(file => !File.Exists(file));
        if (missing > 0) Terminal.Hint($"warning: {missing} pictures are not where the problems say; give their folder with --pictures");
        if (open > 0 && settings.To == DataFormat.Problems) Terminal.Hint($"note: {open} solutions are left to the trainer, who knows the model's own coordinates; --model writes them out");
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{settings.Output}: {problems.Count} problems, {nothing} of them with nothing to find ({settings.To.ToString().ToLowerInvariant()})"));
        return ExitCode.Success;
    }
}
