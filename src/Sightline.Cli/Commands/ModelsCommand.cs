namespace Sightline.Cli.Commands;

/// <summary><c>sightline models</c>: what is there to ground with.</summary>
internal sealed class ModelsCommand : ToolCommand
{
    public ModelsCommand()
        : base("models", "List models and describe one")
    {
        Add(new ModelsListCommand());
        Add(new ModelsInfoCommand());
    }
}
