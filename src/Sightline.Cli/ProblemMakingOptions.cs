using System.CommandLine;
using Sightline.Models.QwenVl;
using Sightline.Text.Prompts;
using Sightline.Training.Data;
using Sightline.Training.Expressions;

namespace Sightline.Cli;

/// <summary>How problems are made from a labelled set.</summary>
internal sealed class ProblemMakingOptions
{
    private static readonly string[] Tasks = ["detection", "phrase", "reasoning", "pointing", "classification"];

    private readonly Option<string?> _task = new("--task") { Description = $"What problems ask: {string.Join(", ", Tasks)}; default: what the set has", HelpName = "TASK" };
    private readonly Option<string?> _prompt = new("--prompt") { Description = "Prompt template of problems: a name or a file that ends in .prompt; default: Visual-RFT's, and the model's own for a phrase", HelpName = "NAME" };
    private readonly Option<string[]> _values = PlaceValues.Option();
    private readonly Option<double> _negatives = new("--negatives") { Description = "Problems about a class that is not there (\"No Objects\"), as a share of the others", HelpName = "SHARE", DefaultValueFactory = _ => 0 };
    private readonly Option<string?> _model = new("--model", "-m") { Description = "Model folder or name whose own coordinates solutions are written in, where the prompt demands none", HelpName = "MODEL" };
    private readonly Option<string?> _phrases = new("--phrases") { Description = "JSON file with readable phrases for class names", HelpName = "FILE" };

    public ProblemMakingOptions(Command command)
    {
        _task.AcceptOnlyFromAmong(Tasks);
        command.Add(_task);
        command.Add(_prompt);
        command.Add(_values);
        command.Add(ToolCommand.WithRange(_negatives, 0, 100));
        command.Add(_model);
        command.Add(_phrases);
    }

    /// <summary>The set's own problems where it holds some and nothing else is asked, or new ones.</summary>
    public IReadOnlyList<Problem> Make(ParseResult parsed, DataSet data, int? shots, ulong seed, out IReadOnlyList<string> notes)
    {
        var (task, prompt) = (parsed.GetValue(_task), parsed.GetValue(_prompt));
        if (data.Problems is { } own && task is null && prompt is null)
        {
            if (parsed.GetValue(_negatives) > 0) throw new SightlineException(ErrorKind.Usage, "--negatives makes new problems: say with --task or --prompt what to ask");
            notes = [];
            return shots is { } few ? FewShot.Subset(own, few, seed) : own;
        }

        QwenVlProcessor? processor = null;
        if (parsed.GetValue(_model) is { } model) processor = QwenVlProcessor.Load(ModelLocation.Resolve(model));
        return ProblemMaker.Make(
            data,
            parsed.GetValue(_phrases) is { } file ? ClassNames.LoadFor(data, file) : ClassNames.Plain,
            new ProblemOptions
            {
                Task = task is null ? null : Enum.Parse<GroundingTask>(task, ignoreCase: true),
                Prompt = prompt,
                Values = PlaceValues.Of(parsed.GetValue(_values)),
                ModelType = processor?.ModelType ?? new ProblemOptions().ModelType,
                OwnFrame = processor is null ? null : processor.FrameOf,
                Negatives = parsed.GetValue(_negatives),
                Shots = shots,
                Seed = seed,
            },
            out notes);
    }
}
