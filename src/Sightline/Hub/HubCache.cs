namespace Sightline.Hub;

/// <summary>
/// Models that were fetched from a hub, in the layout of the hub's own tools (<c>huggingface_hub</c>, "How-to: manage your cache"), so that what they
/// fetched is found here and the other way round: <c>models--OWNER--NAME/blobs/ETAG</c> is the content, <c>snapshots/COMMIT/FILE</c> a link to it,
/// <c>refs/REVISION</c> the commit that a branch or tag named last.
/// </summary>
public sealed class HubCache(string folder)
{
    /// <summary>The branch that is meant where none is named.</summary>
    public const string MainRevision = "main";

    /// <summary>The folder of all models.</summary>
    public string Folder { get; } = folder;

    /// <summary>The cache that the environment names.</summary>
    public static HubCache Default => new(new HubSettings().CacheFolder);

    /// <summary>The folder of one model.</summary>
    public string FolderOf(HubModelName name) => Path.Combine(Folder, $"models--{name.Owner}--{name.Name}");

    /// <summary>The folder of a model's files, or null where it was not fetched.</summary>
    public string? Find(HubModelName name)
    {
        var model = FolderOf(name);
        var revision = name.Revision ?? MainRevision;
        foreach (var commit in new[] { ReadRef(model, revision), revision })
        {
            if (commit is null || !HubModelName.IsRevision(commit)) continue;
            var snapshot = Path.Combine(model, "snapshots", commit);
            if (File.Exists(Path.Combine(snapshot, "config.json"))) return snapshot;
        }

        return null;
    }

    /// <summary>The models that are here, by name and revision: main (as null), other branches and tags that were fetched, and commits that none of them names.</summary>
    public IEnumerable<(HubModelName Name, string Snapshot)> List()
    {
        if (!Directory.Exists(Folder)) yield break;
        foreach (var model in Directory.EnumerateDirectories(Folder, "models--*").Order(StringComparer.Ordinal))
        {
            var parts = Path.GetFileName(model).Split("--");
            if (parts.Length != 3 || !HubModelName.TryParse($"{parts[1]}/{parts[2]}", out var name)) continue;
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var revision in Revisions(model))
            {
                var named = name with { Revision = revision };
                if (Find(named) is { } snapshot && (seen.Add(snapshot) || !Directory.Exists(Path.Combine(model, "snapshots", revision ?? MainRevision)))) yield return (named, snapshot);
            }
        }
    }

    /// <summary>Names first, main before the others, then commits.</summary>
    private static IEnumerable<string?> Revisions(string model)
    {
        yield return null;
        foreach (var reference in Below(Path.Combine(model, "refs")).Where(reference => reference != MainRevision)) yield return reference;
        var snapshots = Path.Combine(model, "snapshots");
        if (!Directory.Exists(snapshots)) yield break;
        foreach (var commit in Directory.EnumerateDirectories(snapshots).Order(StringComparer.Ordinal)) yield return Path.GetFileName(commit);
    }

    private static IEnumerable<string> Below(string root) =>
        Directory.Exists(root) ? Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(root, file).Replace('\\', '/')).Order(StringComparer.Ordinal) : [];

    /// <summary>
    /// The folder for what a user wrote where a model folder is wanted: the folder itself, or a model of the cache by its name. Anything else
    /// comes back as it was.
    /// </summary>
    public static string Resolve(string folderOrName) =>
        !Directory.Exists(folderOrName) && HubModelName.TryParse(folderOrName, out var name) && Default.Find(name) is { } snapshot ? snapshot : folderOrName;

    internal static string? ReadRef(string model, string revision)
    {
        try
        {
            var path = Path.Combine(model, "refs", revision);
            return HubModelName.IsRevision(revision) && File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Makes the snapshot's entry for a content: a relative link, or a copy where the system has no links.</summary>
    internal static void Link(string blob, string entry)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(entry)!);
        // beside it and then moved: a reader never sees the name without the content
        var temporary = $"{entry}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.tmp";
        File.Delete(temporary);
        try
        {
            File.CreateSymbolicLink(temporary, Path.GetRelativePath(Path.GetDirectoryName(entry)!, blob));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            File.Copy(blob, temporary, overwrite: true);
        }

        File.Move(temporary, entry, overwrite: true);
    }
}
