namespace Sightline.Checkpoints;

/// <summary>The files of a model folder.</summary>
internal static class ModelShards
{
    private static readonly string[] s_companions = [".json", ".txt", ".jinja", ".model", ".tiktoken"];

    /// <summary>The weight files.</summary>
    /// <exception cref="SightlineException">As opening a checkpoint.</exception>
    public static IReadOnlyList<string> Of(string folder)
    {
        var single = Path.Combine(folder, "model.safetensors");
        if (File.Exists(single)) return [single];
        using var whole = Checkpoint.Open(folder); // checks the index and its files
        return [.. whole.Names.Select(name => whole[name].File).Distinct()];
    }

    /// <summary>Whether a file belongs to the model without being weights: configuration, tokenizer, templates, licence.</summary>
    public static bool IsCompanion(string file) =>
        s_companions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase) || Path.GetFileName(file).StartsWith("LICENSE", StringComparison.OrdinalIgnoreCase);
}
