namespace Sightline.Cli.Commands;

/// <summary><c>sightline evaluate</c>: the field's official metrics.</summary>
internal sealed class EvaluateCommand : ToolCommand
{
    public EvaluateCommand()
        : base("evaluate", "Measure with the official metrics, with error bars")
    {
        Add(new EvaluateCocoCommand());
        Add(new EvaluateLvisCommand());
        Add(new EvaluateDetectionCommand());
        Add(new EvaluateReferringCommand());
        Add(new EvaluateReasoningCommand());
        Add(new EvaluateClassificationCommand());
    }
}
