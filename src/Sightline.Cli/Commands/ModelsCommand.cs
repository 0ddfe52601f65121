namespace Sightline.Cli.Commands;

/// <summary><c>sightline models</c>: what is there to ground with, and more of it.</summary>
internal sealed class ModelsCommand : ToolCommand
{
    public ModelsCommand()
        : base("models", "List models, describe one, fetch one from a hub, make a new one")
    {
        Add(new ModelsListCommand());
        Add(new ModelsInfoCommand());
        Add(new ModelsPullCommand());
        Add(new ModelsCreateCommand());
    }
}
