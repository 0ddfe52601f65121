using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Experiments;

/// <summary>
/// The folder of a comparison: <c>recipe.json</c> (as it was understood), and in <c>runs/</c> a file for each run that has ended, with the hash of that recipe. A file is
/// whole or not there, so a comparison that was stopped goes on with the run that it was in.
/// </summary>
public sealed class FewShotFolder : IDisposable
{
    private readonly string _runs;
    private readonly string _hash;
    private readonly FolderLock _lock;

    private FewShotFolder(string path, FewShotRecipe recipe, FolderLock held)
    {
        (Path, _lock) = (path, held);
        _runs = RunsOf(path);
        _hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Comparable(recipe).ToJson())));
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Runs of the recipe that have ended.</summary>
    public int Kept => Directory.GetFiles(_runs, "*.json").Length;

    /// <summary>Takes a folder for this process, makes it where it is missing, and clears away what a killed one left half-written.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="recipe">The recipe that is to be run there.</param>
    /// <exception cref="SightlineException">BadRecipe: it holds another one's runs; CannotWrite: another process works there, or it cannot be made.</exception>
    public static FewShotFolder Open(string path, FewShotRecipe recipe)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(recipe);
        var held = FolderLock.Take(path, RunsOf(path));
        try
        {
            foreach (var folder in new[] { path, RunsOf(path) }) AtomicFile.RemoveLeftovers(folder);
            var file = System.IO.Path.Combine(path, "recipe.json");
            var text = Comparable(recipe).ToJson();
            if (!File.Exists(file)) AtomicFile.WriteText(file, text + "\n");
            else if (RecipeDifference.First(JsonNode.Parse(text), Stored(file)) is { } difference)
                throw new SightlineException(ErrorKind.BadRecipe, $"{path} holds runs of another recipe: {difference}. Choose another folder with --output, or delete this one to start again");
            return new FewShotFolder(path, recipe, held);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Gives the folder free for other processes.</summary>
    public void Dispose() => _lock.Dispose();

    /// <summary>A run that has ended, with the rewards of the test problems before any tuning; null where it has not.</summary>
    /// <exception cref="SightlineException">BadData: its file is damaged, or belongs to another recipe.</exception>
    internal (FewShotRun Run, IReadOnlyList<double> Before)? Find(string kind, int shots, ulong seed)
    {
        var file = FileOf(kind, shots, seed);
        if (!File.Exists(file)) return null;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            var root = json.RootElement;
            if (root.GetProperty("recipe").GetString() != _hash) throw new SightlineException(ErrorKind.BadRecipe, $"{file} belongs to another recipe: delete it, and its run is done again");
            var curve = root.GetProperty("curve").EnumerateArray().Select(moment => new FewShotMoment(moment.GetProperty("step").GetInt32(), moment.GetProperty("processor_seconds").GetDouble(), Number(moment.GetProperty("mean"))));
            return (new FewShotRun(kind, shots, seed, [.. curve], Numbers(root, "scores"), Numbers(root, "rewards"), root.GetProperty("elapsed").GetDouble()), Numbers(root, "before"));
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new SightlineException(ErrorKind.BadData, $"{file} is damaged: delete it, and its run is done again", error);
        }
    }

    /// <summary>Keeps a run that has ended.</summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    internal void Keep(FewShotRun run, IReadOnlyList<double> before) => AtomicFile.Write(FileOf(run.Kind, run.Shots, run.Seed), stream =>
    {
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartObject();
        json.WriteString("recipe", _hash);
        json.WriteString("kind", run.Kind);
        json.WriteNumber("shots", run.Shots);
        json.WriteNumber("seed", run.Seed);
        json.WriteNumber("elapsed", run.Elapsed);
        run.WriteCurve(json);
        Write(json, "before", before);
        Write(json, "scores", run.Scores);
        Write(json, "rewards", run.Rewards);
        json.WriteEndObject();
    });

    private static string RunsOf(string path) => System.IO.Path.Combine(path, "runs");

    /// <summary>What --quick would change is no part of what is run.</summary>
    private static FewShotRecipe Comparable(FewShotRecipe recipe) => recipe with { Quick = [] };

    private static JsonNode? Stored(string file)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(file));
        }
        catch (JsonException error)
        {
            throw new SightlineException(ErrorKind.BadRecipe, $"{file} is no recipe: delete its folder to start again, or choose another one with --output", error);
        }
    }

    private string FileOf(string kind, int shots, ulong seed) => System.IO.Path.Combine(_runs, string.Create(CultureInfo.InvariantCulture, $"{kind}-{shots}-shots-seed-{seed}.json"));

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<double> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) FewShotRun.Write(json, value);
        json.WriteEndArray();
    }

    private static double[] Numbers(JsonElement root, string name) => [.. root.GetProperty(name).EnumerateArray().Select(Number)];

    private static double Number(JsonElement value) => value.ValueKind == JsonValueKind.Null ? double.NaN : value.GetDouble();
}
