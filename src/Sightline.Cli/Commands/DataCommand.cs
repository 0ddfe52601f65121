namespace Sightline.Cli.Commands;

/// <summary><c>sightline data</c>: look at data sets, change their format, make them.</summary>
internal sealed class DataCommand : ToolCommand
{
    public DataCommand()
        : base("data", "Convert, inspect, check and label data sets")
    {
        Add(new DataConvertCommand());
        Add(new DataInspectCommand());
        Add(new DataLintCommand());
        Add(new DataLabelCommand());
    }
}
