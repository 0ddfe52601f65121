namespace Sightline.Cli.Commands;

/// <summary><c>sightline inspect</c>: what a model sees.</summary>
internal sealed class InspectCommand : ToolCommand
{
    public InspectCommand()
        : base("inspect", "Show what a model sees: tokens, pixels, checkpoint")
    {
        Add(new InspectTokensCommand());
        Add(new InspectPixelsCommand());
        Add(new InspectCheckpointCommand());
    }
}
