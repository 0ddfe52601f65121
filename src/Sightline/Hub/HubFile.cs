namespace Sightline.Hub;

/// <summary>A file of a model on the hub.</summary>
/// <param name="Path">Below the model's folder, with slashes.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Checksum">
/// SHA-256 (64 digits) of a large file, or git's SHA-1 of a small one (40 digits, over "blob SIZE\0" and the content). It is the hub's etag, and
/// the name under which the cache keeps the content.
/// </param>
public sealed record HubFile(string Path, long Size, string Checksum)
{
    /// <summary>Whether a server's text can be a checksum; it becomes a file name.</summary>
    internal static bool IsChecksum(string? text) => text is { Length: 40 or 64 } && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Whether a server's text can be a path inside a folder.</summary>
    internal static bool IsPath(string? text) =>
        text is { Length: > 0 and <= 400 } && text.Split('/').All(part => part.Length > 0 && part is not ("." or "..")) && text.IndexOfAny(['\\', ':', '\0', '*', '?']) < 0 && !text.Any(char.IsControl);
}

/// <summary>What a model's revision holds.</summary>
/// <param name="Commit">The commit that the revision names now.</param>
/// <param name="Files">Its files.</param>
internal sealed record HubListing(string Commit, IReadOnlyList<HubFile> Files);

/// <summary>How far a pull is.</summary>
/// <param name="File">The file in work.</param>
/// <param name="Bytes">Bytes of all files that are here, those found in the cache included.</param>
/// <param name="TotalBytes">Bytes of all files.</param>
public readonly record struct HubProgress(string File, long Bytes, long TotalBytes);
