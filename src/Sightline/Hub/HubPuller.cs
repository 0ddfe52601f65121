using System.Globalization;

namespace Sightline.Hub;

/// <summary>
/// Fetches models from a hub into its cache: only what is missing, resuming broken downloads, each file checked before it gets its name, and the
/// revision's name set last. Several processes may pull at once.
/// </summary>
public sealed class HubPuller(HubSettings settings)
{
    private static readonly TimeSpan LockPause = TimeSpan.FromMilliseconds(200);

    // What a model is loaded from; other frameworks' weights and pictures of the model's page are left.
    private static readonly string[] s_kinds = [".json", ".safetensors", ".txt", ".jinja", ".model", ".md"];

    /// <summary>The files that are fetched where not all are wanted: configuration, tokenizer, safetensors, licence and card.</summary>
    public static bool IsWanted(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path.StartsWith("LICENSE", StringComparison.Ordinal) || (Array.Exists(s_kinds, kind => path.EndsWith(kind, StringComparison.Ordinal)) && !path.StartsWith("onnx/", StringComparison.Ordinal));
    }

    /// <summary>Brings a model into the cache.</summary>
    /// <param name="name">The model; its main branch where no revision is named.</param>
    /// <param name="all">All files, not only <see cref="IsWanted"/>.</param>
    /// <param name="progress">Told about every piece.</param>
    /// <param name="cancellation">Stops; what has come stays for the next time.</param>
    /// <returns>The folder with the model's files.</returns>
    /// <exception cref="SightlineException">Network: the hub cannot be reached, refuses, or sends something else than it promised. CannotWrite: the disk does not take it.</exception>
    public async Task<string> PullAsync(HubModelName name, bool all = false, IProgress<HubProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (settings.IsOffline) throw new SightlineException(ErrorKind.Network, $"{name} cannot be fetched: HF_HUB_OFFLINE is set");
        var revision = name.Revision ?? HubCache.MainRevision;
        using var client = new HubClient(settings);
        var listing = await ListAsync(client, name, revision, cancellation).ConfigureAwait(false);
        // the configuration last: a snapshot that has it is whole, also where a commit is its only name
        var files = listing.Files.Where(file => all || IsWanted(file.Path)).OrderBy(file => file.Path == "config.json").ToList();
        if (!files.Exists(file => file.Path == "config.json"))
            throw new SightlineException(ErrorKind.Network, $"{name} has no config.json on {settings.Endpoint.Host}: it is not a model of the transformers kind");
        var model = new HubCache(settings.CacheFolder).FolderOf(name);
        RequireSpace(model, files, name);
        var (total, done) = (files.Sum(file => file.Size), 0L);
        var snapshot = Path.Combine(model, "snapshots", listing.Commit);
        foreach (var file in files)
        {
            var before = done;
            await FetchAsync(client, name, listing.Commit, model, file, here => progress?.Report(new HubProgress(file.Path, before + here, total)), cancellation).ConfigureAwait(false);
            done += file.Size;
        }

        // last: a name never stands for half a model
        if (revision != listing.Commit) AtomicFile.WriteText(Path.Combine(model, "refs", revision), listing.Commit);
        return snapshot;
    }

    private async Task<HubListing> ListAsync(HubClient client, HubModelName name, string revision, CancellationToken cancellation)
    {
        for (var i = 1; ; i++)
        {
            string problem;
            var pause = settings.RetryDelay * Math.Pow(2, i - 1);
            try
            {
                return await client.ListAsync(name, revision, cancellation).ConfigureAwait(false);
            }
            catch (Exception error) when (error is HttpRequestException or IOException)
            {
                problem = error.Message.TrimEnd('.');
                if (error.Data["wait"] is TimeSpan wait) pause = wait < TimeSpan.FromMinutes(1) ? wait : TimeSpan.FromMinutes(1);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                problem = "it is silent";
            }

            if (i >= settings.MaximumTries) throw new SightlineException(ErrorKind.Network, $"{settings.Endpoint.Host} cannot be asked about {name}: {problem}; check the connection, or set HF_ENDPOINT to a mirror");
            await Task.Delay(pause, settings.Clock, cancellation).ConfigureAwait(false);
        }
    }

    private async Task FetchAsync(HubClient client, HubModelName name, string commit, string model, HubFile file, Action<long> report, CancellationToken cancellation)
    {
        var blob = Path.Combine(model, "blobs", file.Checksum);
        var entry = Path.Combine([model, "snapshots", commit, .. file.Path.Split('/')]);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
            if (!IsHere(blob, file))
            {
                using var held = await LockAsync(file, Path.GetFileName(model), cancellation).ConfigureAwait(false);
                if (!IsHere(blob, file))
                {
                    var partial = blob + ".incomplete";
                    await new BlobDownload(client, settings, name, file, client.AddressOf(name, commit, file.Path), partial).RunAsync(report, cancellation).ConfigureAwait(false);
                    File.Move(partial, blob, overwrite: true);
                }
            }

            if (!IsHere(entry, file)) HubCache.Link(blob, entry);
            report(file.Size);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{entry} cannot be written ({error.Message.TrimEnd('.')}): check free space and permissions, or set HF_HUB_CACHE to another folder", error);
        }
    }

    /// <summary>A blob got its name after its check, so its size is enough; other tools may have left an older file of the same name.</summary>
    private static bool IsHere(string path, HubFile file)
    {
        var info = new FileInfo(path);
        if (info.LinkTarget is not null) return info.ResolveLinkTarget(returnFinalTarget: true) is FileInfo { Exists: true } target && target.Length == file.Size && target.Name == file.Checksum;
        return info.Exists && info.Length == file.Size;
    }

    /// <summary>Only one process writes a content; the hub's own tools hold the same lock.</summary>
    private async Task<FileStream> LockAsync(HubFile file, string model, CancellationToken cancellation)
    {
        var path = Path.Combine(settings.CacheFolder, ".locks", model, file.Checksum + ".lock");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                await Task.Delay(LockPause, settings.Clock, cancellation).ConfigureAwait(false);
            }
        }
    }

    private static void RequireSpace(string model, List<HubFile> files, HubModelName name)
    {
        var missing = files.Where(file => !IsHere(Path.Combine(model, "blobs", file.Checksum), file))
            .Sum(file => file.Size - (new FileInfo(Path.Combine(model, "blobs", file.Checksum + ".incomplete")) is { Exists: true } partial ? Math.Min(partial.Length, file.Size) : 0));
        var place = Path.GetFullPath(model);
        while (!Directory.Exists(place) && Path.GetDirectoryName(place) is { } parent) place = parent;
        long free;
        try
        {
            free = new DriveInfo(place).AvailableFreeSpace;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return; // not known; the write itself will tell
        }

        if (missing > free)
            throw new SightlineException(ErrorKind.CannotWrite, string.Create(CultureInfo.InvariantCulture, $"{name} needs {missing / 1e9:0.0} GB more and {place} has {free / 1e9:0.0} GB free: make room, or set HF_HUB_CACHE to another folder"));
    }
}
