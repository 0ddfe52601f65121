namespace Sightline.Cli.Commands;

/// <summary><c>sightline benchmark</c>: how fast one's own model runs and trains on this machine. Kernels have a program of their own, <c>benchmarks/</c>.</summary>
internal sealed class BenchmarkCommand : ToolCommand
{
    public BenchmarkCommand()
        : base("benchmark", "Measure speed and memory on this machine")
    {
        Add(new BenchmarkInferenceCommand());
        Add(new BenchmarkLanguageCommand());
        Add(new BenchmarkTrainingCommand());
        Add(new BenchmarkTuningCommand());
    }
}
