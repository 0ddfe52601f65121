using Sightline.Cli.Commands;

namespace Sightline.Cli;

/// <summary>The commands in the order of the help.</summary>
internal static class CommandList
{
    public static IEnumerable<ToolCommand> Create() =>
    [
        new GroundCommand(),
        new DetectCommand(),
        new ReasonCommand(),
        new PointCommand(),
        new ClassifyCommand(),
        new DemoCommand(),
        new TrainCommand(),
        new ExperimentCommand(),
        new EvaluateCommand(),
        new RewardCommand(),
        new MergeCommand(),
        new DataCommand(),
        new InspectCommand(),
        new ModelsCommand(),
        new BenchmarkCommand(),
        new VerifyCommand(),
        new QuantizeCommand(),
        new PresetsCommand(),
        new DoctorCommand(),
    ];
}
