namespace Sightline.Hub;

/// <summary>A model on a hub: <c>OWNER/NAME</c>, with a branch, tag or commit as <c>OWNER/NAME@REVISION</c>.</summary>
public readonly record struct HubModelName(string Owner, string Name, string? Revision)
{
    private const int LongestPart = 96;

    /// <summary>Reads a name; false when it cannot be one.</summary>
    public static bool TryParse(string? text, out HubModelName name)
    {
        name = default;
        if (text is null) return false;
        var at = text.IndexOf('@', StringComparison.Ordinal);
        var parts = (at < 0 ? text : text[..at]).Split('/');
        var revision = at < 0 ? null : text[(at + 1)..];
        if (parts.Length != 2 || !IsPart(parts[0]) || !IsPart(parts[1]) || (revision is not null && !IsRevision(revision))) return false;
        name = new HubModelName(parts[0], parts[1], revision);
        return true;
    }

    /// <summary>Reads a name.</summary>
    /// <exception cref="SightlineException">Usage: it cannot be one.</exception>
    public static HubModelName Parse(string text) => TryParse(text, out var name)
        ? name
        : throw new SightlineException(ErrorKind.Usage, $"'{text}' is no model of a hub: write OWNER/NAME or OWNER/NAME@REVISION, as Qwen/Qwen2-VL-2B-Instruct");

    /// <summary>Whether a branch, tag or commit can be called so; slashes are allowed, ways out of a folder are not.</summary>
    public static bool IsRevision(string text) => text.Length is > 0 and <= 200 && text.Split('/').All(IsPart);

    /// <inheritdoc/>
    public override string ToString() => $"{Owner}/{Name}";

    private static bool IsPart(string part) =>
        part.Length is > 0 and <= LongestPart && part[0] is not ('.' or '-') && !part.Contains("..", StringComparison.Ordinal) && !part.Contains("--", StringComparison.Ordinal)
        && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');
}
