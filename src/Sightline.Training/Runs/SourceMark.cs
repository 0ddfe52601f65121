using Sightline.Training.Data;

namespace Sightline.Training.Runs;

/// <summary>What a run remembers of a source of its data.</summary>
/// <param name="Source">Its place in the recipe.</param>
/// <param name="Path">The file or folder, for messages.</param>
/// <param name="Count">Its problems or pictures.</param>
/// <param name="Fingerprint">What tells its data from other data.</param>
internal sealed record SourceMark(string Source, string Path, int Count, string Fingerprint)
{
    /// <summary>Its mark; null where the recipe alone decides what the data is.</summary>
    /// <param name="part">train or validation.</param>
    /// <param name="name">In the recipe.</param>
    /// <param name="path">The file or folder; null where there is none.</param>
    /// <param name="source">The opened source.</param>
    /// <param name="count">Its problems or pictures.</param>
    public static SourceMark? Of(string part, string name, string? path, object source, int? count) =>
        source is IFingerprinted { Fingerprint: { } fingerprint } && path is not null && count is { } known ? new($"{part} source '{name}'", path, known, fingerprint) : null;

    /// <summary>What people should know of a source before hours of training; null where there is nothing.</summary>
    public static string? WarningOf(string part, string name, string? path, object source) => source is IFingerprinted { BoxesOutside: > 0 and var outside }
        ? $"{outside} {(outside == 1 ? "box" : "boxes")} of the {part} source '{name}' {(outside == 1 ? "reaches" : "reach")} out of the picture and {(outside == 1 ? "is" : "are")} cut off at its edge; to see them: sightline data lint {path}"
        : null;
}
