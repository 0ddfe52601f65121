using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>A plan measures the memory of the whole process, so nothing else may run beside it.</summary>
[Collection(Alone.Name)]
public sealed class TrainMemoryTests : IDisposable
{
    private readonly TinyRecipe _recipe = new();

    public void Dispose() => _recipe.Dispose();

    [Fact]
    public async Task What_does_not_fit_into_memory_is_said_and_not_started()
    {
        const string Huge = "stages[1].batch=1000000000";
        var plan = await CommandLineRun.Of("train", _recipe.Path, "-o", _recipe.Run(), "--plan-only", "--set", Huge);
        Assert.Equal(0, plan.ExitCode);
        Assert.Contains("this does not fit into memory; --batch auto chooses a batch that does", plan.Out);
        var json = await CommandLineRun.Of("train", _recipe.Path, "-o", _recipe.Run(), "--plan-only", "--set", Huge, "--json");
        using (var document = JsonDocument.Parse(json.Out)) Assert.False(document.RootElement.GetProperty("fits").GetBoolean());
        var run = await CommandLineRun.Of("train", _recipe.Path, "-o", _recipe.Run(), "--set", Huge);
        Assert.Equal((int)ErrorKind.OutOfMemory, run.ExitCode);
        Assert.Contains("error: by its plan the run needs ", run.Error);
        Assert.Contains("--despite-memory starts it all the same", run.Error);
        Assert.False(File.Exists(Path.Combine(_recipe.Run(), "recipe.json"))); // another batch can be tried in the same folder
    }
}
