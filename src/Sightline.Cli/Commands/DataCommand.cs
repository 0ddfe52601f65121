namespace Sightline.Cli.Commands;

/// <summary><c>sightline data</c>: look at data sets and change their format.</summary>
internal sealed class DataCommand : ToolCommand
{
    public DataCommand()
        : base("data", "Convert, inspect and check data sets")
    {
        Add(new DataConvertCommand());
        Add(new DataInspectCommand());
        Add(new DataLintCommand());
    }
}
