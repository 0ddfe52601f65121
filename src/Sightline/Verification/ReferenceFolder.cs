using System.Text.Json;
using Sightline.Checkpoints;

namespace Sightline.Verification;

/// <summary>
/// Stored results of a reference implementation for one model: <c>cases.json</c> with an object <c>cases</c> (for each its <c>images</c>,
/// <c>stop_token</c>, <c>messages</c> and <c>prompt_text</c>, none of them required), <c>CASE.safetensors</c> with the numbers, and, here or in the folder
/// above, <c>pixel_values.safetensors</c> with <c>IMAGE.pixel_values</c> and <c>IMAGE.image_grid_thw</c> and the pictures as
/// <c>images/IMAGE.png</c>. tests/fixtures/qwen/gen_models.py writes such folders.
/// </summary>
public sealed class ReferenceFolder
{
    private const string PixelFile = "pixel_values.safetensors";
    private readonly Dictionary<string, JsonElement> _cases;

    private ReferenceFolder(string path, Dictionary<string, JsonElement> cases) => (Path, _cases) = (path, cases);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The cases in the order of the file.</summary>
    public IReadOnlyCollection<string> Cases => _cases.Keys;

    /// <summary>Reads <c>cases.json</c>.</summary>
    /// <exception cref="SightlineException">NotFound, or BadData: no such folder, or not a reference folder.</exception>
    public static ReferenceFolder Open(string path)
    {
        var file = System.IO.Path.Combine(path, "cases.json");
        if (!File.Exists(file))
            throw new SightlineException(ErrorKind.NotFound, $"The reference folder {path} has no cases.json: give the folder of one model's stored results.");
        using var json = JsonFile.Read(file);
        if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("cases", out var cases) || cases.ValueKind != JsonValueKind.Object)
            throw new SightlineException(ErrorKind.BadData, $"{file} has no object \"cases\": write the reference again.");
        var known = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var entry in cases.EnumerateObject())
        {
            if (entry.Name != System.IO.Path.GetFileName(entry.Name) || entry.Name.Contains('\\', StringComparison.Ordinal))
                throw new SightlineException(ErrorKind.BadData, $"{file}: the case '{entry.Name}' is no file name.");
            known[entry.Name] = entry.Value.Clone();
        }

        return new ReferenceFolder(path, known);
    }

    internal ReferenceCase OpenCase(string name)
    {
        var file = SafetensorsFile.Open(System.IO.Path.Combine(Path, $"{name}.safetensors"));
        return new ReferenceCase(name, _cases[name], file);
    }

    internal SafetensorsFile OpenPixels() => Find(PixelFile) is { } file
        ? SafetensorsFile.Open(file)
        : throw new SightlineException(ErrorKind.NotFound, $"{PixelFile} is neither in {Path} nor in the folder above it: the pictures of its cases are missing.");

    /// <summary>The file of a picture, or null where the reference came without it.</summary>
    internal string? PictureOf(string image) => image == System.IO.Path.GetFileName(image) ? Find(System.IO.Path.Combine("images", $"{image}.png")) : null;

    private string? Find(string file)
    {
        foreach (var folder in new[] { Path, System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path).TrimEnd(System.IO.Path.DirectorySeparatorChar)) })
        {
            if (folder is not null && System.IO.Path.Combine(folder, file) is var path && File.Exists(path)) return path;
        }

        return null;
    }
}
