using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>The recipe of tests/fixtures/training/tiny in a folder of its own, which goes away.</summary>
internal sealed class TinyRecipe : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-train-").FullName;

    public TinyRecipe()
    {
        var fixture = Fixtures.Path("training", "tiny");
        File.WriteAllText(Path, File.ReadAllText(System.IO.Path.Combine(fixture, "recipe.json")).Replace("TOKENIZER", fixture, StringComparison.Ordinal));
    }

    public string Path => System.IO.Path.Combine(_folder, "recipe.json");

    public string Run(string name = "run") => System.IO.Path.Combine(_folder, name);

    public static string Model(string run) => System.IO.Path.Combine(run, "model", "model.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
