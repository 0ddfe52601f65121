using System.Globalization;
using System.Net;
using System.Security.Cryptography;

namespace Sightline.Hub;

/// <summary>
/// One content to one file: goes on where an earlier try (or another tool) stopped, tries again while that helps, and lets nothing pass whose
/// size or checksum is not the promised one.
/// </summary>
internal sealed class BlobDownload(HubClient client, HubSettings settings, HubModelName name, HubFile file, Uri address, string partial)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private string? _lastProblem;

    /// <summary>Fetches until the file is whole and right. <paramref name="report"/> is told how many bytes are here.</summary>
    /// <exception cref="SightlineException">Network: it cannot be had. CannotWrite: the disk does not take it.</exception>
    public async Task RunAsync(Action<long> report, CancellationToken cancellation)
    {
        var (fruitless, wrong) = (0, 0);
        while (true)
        {
            var before = Here();
            if (before > file.Size) before = Discard();
            report(before);
            if (before == file.Size)
            {
                if (await IsRightAsync(cancellation).ConfigureAwait(false)) return;
                Discard();
                if (++wrong > 1) throw Failed("its content does not have the promised checksum, twice: somebody changes it on the way, or the hub is damaged");
                continue;
            }

            var pause = await TryAsync(before, report, cancellation).ConfigureAwait(false);
            if (Here() > before)
            {
                fruitless = 0;
                continue;
            }

            if (++fruitless >= settings.MaximumTries) throw Failed($"{_lastProblem ?? "it brings nothing"}, {settings.MaximumTries} times");
            pause ??= settings.RetryDelay * Math.Pow(2, fruitless - 1);
            await Task.Delay(pause < LongestPause ? pause.Value : LongestPause, settings.Clock, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>One connection; returns the pause that the server asks for.</summary>
    private async Task<TimeSpan?> TryAsync(long from, Action<long> report, CancellationToken cancellation)
    {
        try
        {
            using var response = await client.SendAsync(address, from, name, file.Path, cancellation).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                _lastProblem = "the server has fewer bytes than it promised";
                Discard();
                return null;
            }

            // a server that ignores the range sends everything
            if (response.StatusCode == HttpStatusCode.OK) from = 0;
            var range = response.Content.Headers.ContentRange;
            var total = response.StatusCode == HttpStatusCode.OK ? response.Content.Headers.ContentLength : range?.Length;
            if (total is { } promised && promised != file.Size)
            {
                _lastProblem = string.Create(CultureInfo.InvariantCulture, $"the server has {promised} bytes and the hub promised {file.Size}");
                return null;
            }

            if (response.StatusCode == HttpStatusCode.PartialContent && range?.From != from)
            {
                _lastProblem = "the server sends another part than was asked for";
                return null;
            }

            await CopyAsync(response, from, report, cancellation).ConfigureAwait(false);
        }
        catch (HttpRequestException error)
        {
            _lastProblem = error.Message.TrimEnd('.');
            return error.Data["wait"] as TimeSpan?;
        }
        catch (IOException error)
        {
            _lastProblem = $"the connection breaks off ({error.Message.TrimEnd('.')})";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            _lastProblem = string.Create(CultureInfo.InvariantCulture, $"the server is silent for {settings.Silence.TotalSeconds:0} seconds");
        }

        return null;
    }

    private async Task CopyAsync(HttpResponseMessage response, long from, Action<long> report, CancellationToken cancellation)
    {
        using var limit = client.Silent(cancellation);
        await using var source = await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
        await using var target = Open(from);
        var buffer = new byte[1 << 17];
        for (int count; (count = await source.ReadAsync(buffer, limit.Token).ConfigureAwait(false)) > 0;)
        {
            limit.CancelAfter(settings.Silence);
            if (from + count > file.Size)
            {
                target.Close();
                Discard();
                throw new HttpRequestException("the server sends more than it promised");
            }

            await WriteAsync(target, buffer.AsMemory(0, count)).ConfigureAwait(false);
            from += count;
            report(from);
        }

        if (from < file.Size) _lastProblem = string.Create(CultureInfo.InvariantCulture, $"the connection ends after {from} of {file.Size} bytes");
    }

    private FileStream Open(long from)
    {
        try
        {
            var stream = new FileStream(partial, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, 0, useAsync: true);
            stream.SetLength(from);
            stream.Position = from;
            return stream;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(error);
        }
    }

    // a full disk is not a broken connection: no other try helps
    private async Task WriteAsync(FileStream target, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await target.WriteAsync(bytes, CancellationToken.None).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            throw Unwritable(error);
        }
    }

    private async Task<bool> IsRightAsync(CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(file.Checksum.Length == 64 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        if (file.Checksum.Length == 40) hash.AppendData(System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Size}\0")));
        await using var stream = new FileStream(partial, FileMode.Open, FileAccess.Read, FileShare.Read, 1, useAsync: true);
        var buffer = new byte[1 << 20];
        for (int count; (count = await stream.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0;) hash.AppendData(buffer, 0, count);
        return Convert.ToHexStringLower(hash.GetHashAndReset()) == file.Checksum;
    }

    private long Here() => new FileInfo(partial) is { Exists: true } info ? info.Length : file.Size == 0 ? Touch() : 0;

    private long Touch()
    {
        Open(0).Dispose();
        return 0;
    }

    private long Discard()
    {
        File.Delete(partial);
        return 0;
    }

    private SightlineException Unwritable(Exception error) => new(ErrorKind.CannotWrite, $"{partial} cannot be written ({error.Message.TrimEnd('.')}): check free space and permissions, or set HF_HUB_CACHE to another folder", error);

    private SightlineException Failed(string problem) => new(ErrorKind.Network, $"{file.Path} of {name} cannot be fetched from {address.Host}: {problem}; the same command goes on where this one stopped");
}
