using System.CommandLine;
using Sightline.Training.Evaluation;

namespace Sightline.Cli;

/// <summary>How error bars are made; the same options in every evaluation.</summary>
internal sealed class IntervalOptions
{
    private readonly Option<int> _samples = new("--bootstrap")
    {
        Description = "How often the pictures are drawn again for the intervals; 0 for none",
        HelpName = "N",
        DefaultValueFactory = _ => new BootstrapOptions().Samples,
    };

    private readonly Option<double> _level = new("--level") { Description = "Coverage of the intervals", HelpName = "P", DefaultValueFactory = _ => 0.95 };

    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of the draws", HelpName = "N" };

    public IntervalOptions(Command command)
    {
        command.Add(ToolCommand.WithRange(_samples, 0, 1_000_000));
        command.Add(ToolCommand.WithRange(_level, 0.5, 0.999));
        command.Add(_seed);
    }

    /// <summary>The seed of everything random in the evaluation.</summary>
    public ulong Seed(ParseResult parsed) => parsed.GetValue(_seed);

    /// <summary>Null for no intervals.</summary>
    public BootstrapOptions? Read(ParseResult parsed) =>
        parsed.GetValue(_samples) is var samples and > 0 ? new BootstrapOptions(samples, parsed.GetValue(_level), parsed.GetValue(_seed)) : null;
}
