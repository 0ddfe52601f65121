using System.Text.Json;
using Sightline.Checkpoints;

namespace Sightline.Verification;

/// <summary>
/// Stored results of a reference implementation for one model: <c>cases.json</c> with an object <c>cases</c> (for each its <c>images</c> and
/// <c>stop_token</c>), <c>CASE.safetensors</c> with the numbers, and, here or in the folder above, <c>pixel_values.safetensors</c> with
/// <c>IMAGE.pixel_values</c> and <c>IMAGE.image_grid_thw</c>. tests/fixtures/qwen/gen_models.py writes such folders.
/// </summary>
public sealed class ReferenceFolder
{
    private const string PixelFile = "pixel_values.safetensors";
    private readonly Dictionary<string, (IReadOnlyList<string> Images, int? StopToken)> _cases;

    private ReferenceFolder(string path, Dictionary<string, (IReadOnlyList<string>, int?)> cases) => (Path, _cases) = (path, cases);

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
        var known = new Dictionary<string, (IReadOnlyList<string>, int?)>(StringComparer.Ordinal);
        foreach (var entry in cases.EnumerateObject())
        {
            if (entry.Name != System.IO.Path.GetFileName(entry.Name) || entry.Name.Contains('\\', StringComparison.Ordinal))
                throw new SightlineException(ErrorKind.BadData, $"{file}: the case '{entry.Name}' is no file name.");
            IReadOnlyList<string> images = entry.Value.TryGetProperty("images", out var keys) && keys.ValueKind == JsonValueKind.Array
                ? [.. keys.EnumerateArray().Select(key => key.ToString())]
                : [];
            var stop = entry.Value.TryGetProperty("stop_token", out var token) && token.TryGetInt32(out var id) ? id : (int?)null;
            known.Add(entry.Name, (images, stop));
        }

        return new ReferenceFolder(path, known);
    }

    internal ReferenceCase OpenCase(string name)
    {
        var (images, stop) = _cases[name];
        var file = SafetensorsFile.Open(System.IO.Path.Combine(Path, $"{name}.safetensors"));
        return new ReferenceCase(name, images, stop, file);
    }

    internal SafetensorsFile OpenPixels()
    {
        var here = System.IO.Path.Combine(Path, PixelFile);
        if (File.Exists(here)) return SafetensorsFile.Open(here);
        var above = System.IO.Path.Combine(System.IO.Path.GetFullPath(Path), "..", PixelFile);
        if (File.Exists(above)) return SafetensorsFile.Open(System.IO.Path.GetFullPath(above));
        throw new SightlineException(ErrorKind.NotFound, $"{PixelFile} is neither in {Path} nor in the folder above it: the pictures of its cases are missing.");
    }
}
