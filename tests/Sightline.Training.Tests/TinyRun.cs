using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Models.Fusion;
using Sightline.Testing;
using Sightline.Text;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Tests;

/// <summary>The recipe of tests/fixtures/training/tiny: a run of seconds.</summary>
internal static class TinyRun
{
    public static string Folder => Fixtures.Path("training", "tiny");

    public static string RecipeText => File.ReadAllText(Path.Combine(Folder, "recipe.json")).Replace("TOKENIZER", Folder, StringComparison.Ordinal);

    public static TrainingRecipe Recipe(params string[] overrides) => RecipeReader.Parse(RecipeText, "tiny", overrides);

    public static FusionConfig Config => Recipe().Model.ToConfig();

    public static FusionProcessor Processor(FusionConfig? config = null) => new(config ?? Config, Tokenizer.Load(Folder));

    /// <summary>A grey picture with labelled boxes, as a sample.</summary>
    public static TrainingSample Sample(FusionProcessor processor, params PhraseBoxes[] phrases) => Sample("sample", processor, phrases);

    public static TrainingSample Sample(string name, FusionProcessor processor, params PhraseBoxes[] phrases)
    {
        var pixels = new byte[64 * 64 * 3];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)((i * 37) + (name.Length * 11));
        return TrainingSample.From(name, new GroundedPicture(new Picture(64, 64, pixels), phrases), processor);
    }

    public static byte[] ModelBytes(TrainingOutcome outcome) => File.ReadAllBytes(Path.Combine(outcome.ModelFolder, "model.safetensors"));

    public static Dictionary<string, float[]> Weights(FusionModel model) =>
        model.Parameters.All.ToDictionary(parameter => parameter.Path, parameter => parameter.Value.ToArray<float>());
}

/// <summary>A folder that goes away.</summary>
internal sealed class RunPlace : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("sightline-run-").FullName;

    public RunFolder Folder(string name = "run") => new(System.IO.Path.Combine(Path, name));

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>Remembers what it was told, and may act on it.</summary>
internal sealed class Watcher(Action<TrainingStep>? onStep = null, Action<int, int>? onValidation = null) : ITrainingObserver
{
    public List<(int Stage, int Step, Dictionary<string, float> Metrics)> Steps { get; } = [];

    public List<(int Stage, int Step)> Validations { get; } = [];

    public int Checkpoints { get; private set; }

    public void OnStep(TrainingStep step)
    {
        Steps.Add((step.Stage, step.Step, new Dictionary<string, float>(step.Metrics)));
        onStep?.Invoke(step);
    }

    public void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores)
    {
        Validations.Add((stage, step));
        onValidation?.Invoke(stage, step);
    }

    public void OnCheckpoint(string folder) => Checkpoints++;
}
