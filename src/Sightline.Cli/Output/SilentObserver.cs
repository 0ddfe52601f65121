using Sightline.Training.Runs;

namespace Sightline.Cli.Output;

/// <summary>Tells nobody: rank 0 does.</summary>
internal sealed class SilentObserver : ITrainingObserver
{
    public void OnStep(TrainingStep step)
    {
    }

    public void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores)
    {
    }

    public void OnCheckpoint(string folder)
    {
    }
}
