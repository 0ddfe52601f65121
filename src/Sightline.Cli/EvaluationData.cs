using System.CommandLine;
using Sightline.Cli.Output;
using Sightline.Grounding;
using Sightline.Training.Data;
using Sightline.Training.Expressions;

namespace Sightline.Cli;

/// <summary>The model, the data and the words of an evaluation that runs a model.</summary>
internal sealed class EvaluationData
{
    private readonly Option<string?> _model = new("--model", "-m") { Description = ModelLocation.OptionText, HelpName = "FOLDER" };
    private readonly Option<string> _data = new("--data", "-d") { Description = "Data set in any readable format", HelpName = "PATH", Required = true };
    private readonly DataSetOptions _open;
    private readonly Option<string?> _phrases = new("--phrases") { Description = "JSON file with readable phrases for class names", HelpName = "FILE" };
    private readonly Option<int?> _every = new("--hold-out-every") { Description = "Only every N-th block of neighbouring names, as a recipe holds them out", HelpName = "N" };
    private readonly Option<int> _block = new("--hold-out-block") { Description = "Pictures in such a block", HelpName = "N", DefaultValueFactory = _ => 12 };
    private readonly Option<string[]> _incomplete = new("--incomplete-labels") { Description = "Classes of which not every object is labelled: no expression depends on them", HelpName = "CLASS", AllowMultipleArgumentsPerToken = true };
    private readonly Option<int?> _limit = new("--limit") { Description = "Only the first N pictures", HelpName = "N" };

    private readonly ToolCommand _command;

    public EvaluationData(ToolCommand command)
    {
        _command = command;
        command.Add(_model);
        command.Add(_data);
        _open = new DataSetOptions(command);
        command.Add(_phrases);
        command.Add(_every);
        command.Add(ToolCommand.WithRange(_block, 1, 1_000_000));
        command.Add(_limit);
        command.Add(_incomplete);
        Language = new LanguageModelOptions(command, hasSeed: false, hasContext: false);
    }

    /// <summary>How a vision-language model is asked, and how weights are kept.</summary>
    public LanguageModelOptions Language { get; }

    /// <summary>Loads the model.</summary>
    public Grounder Load(ParseResult parsed)
    {
        var model = ModelLocation.Resolve(parsed.GetValue(_model));
        RankedArguments.RequireSameModel(_command.Ranked.Ranks, model);
        return Grounder.Load(model, Language.Weights(parsed));
    }

    /// <summary>The chosen part of the data set.</summary>
    public DataSet Data(ParseResult parsed)
    {
        var path = parsed.GetRequiredValue(_data);
        var data = _open.Open(parsed, path);
        if (parsed.GetValue(_every) is { } every)
        {
            if (every < 2) throw new SightlineException(ErrorKind.Usage, "--hold-out-every must be at least 2");
            data = DataSplit.ByBlocks(data, parsed.GetValue(_block), every).Where("val");
        }

        if (parsed.GetValue(_limit) is { } limit)
        {
            if (limit < 1) throw new SightlineException(ErrorKind.Usage, $"--limit must be at least 1, not {limit}");
            data = data with { Samples = [.. data.Samples.Take(limit)] };
        }

        if (parsed.GetValue(_incomplete) is { Length: > 0 } incomplete)
            data = data.WithIncomplete(incomplete);
        if (data.Samples.Count == 0) throw new SightlineException(ErrorKind.BadData, $"{path} has no picture in the chosen part");
        data.RequireSame(_command.Ranked.Ranks);
        return data;
    }

    /// <summary>The words for its classes; labels that look like codes are said to be asked as they stand.</summary>
    public ClassNames Names(ParseResult parsed, DataSet data, Terminal terminal)
    {
        if (parsed.GetValue(_phrases) is { } file) return ClassNames.LoadFor(data, file);
        string[] codes = [.. data.Classes.Where(ClassNames.IsCode).Take(3)];
        if (codes.Length > 0)
            terminal.Hint($"note: {string.Join(", ", codes.Select(code => $"'{code}'"))} {(codes.Length == 1 ? "is" : "are")} asked as {(codes.Length == 1 ? "it stands" : "they stand")}; --phrases FILE gives labels words, such as {{ \"{codes[0]}\": \"what it means\" }}");
        return ClassNames.Plain;
    }

    /// <summary>Renews a line on stderr where a person watches.</summary>
    public static Action<int, int>? Progress(Terminal terminal) => !terminal.IsInteractive ? null : (done, all) =>
        terminal.Error.Write(FormattableString.Invariant($"\r{done}/{all} pictures\u001b[K{(done == all ? "\r\u001b[K" : "")}"));
}
