using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Sightline.Testing;

/// <summary>What a server does to one request for a content; each is used once, in order.</summary>
public enum HubFault
{
    /// <summary>Half of what was asked for, then the connection is cut.</summary>
    Drop,

    /// <summary>A Content-Length that is not the size which the list promised.</summary>
    OtherSize,

    /// <summary>More bytes than promised, without a length.</summary>
    Longer,

    /// <summary>The right number of wrong bytes.</summary>
    WrongBytes,

    /// <summary>All of it, whatever part was asked for.</summary>
    IgnoreRange,

    /// <summary>Another part than was asked for.</summary>
    OtherRange,

    /// <summary>429 with Retry-After.</summary>
    TooMany,

    /// <summary>503.</summary>
    Unavailable,

    /// <summary>Headers and then nothing.</summary>
    Silence,
}

/// <summary>
/// A hub on the loopback interface with one model, whose contents come from a second server (as from a content network); both do what
/// a test tells them to. Plain sockets, one request a connection.
/// </summary>
internal sealed class LoopbackHub : IDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly TcpListener _hub = new(IPAddress.Loopback, 0);
    private readonly TcpListener _contents = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();

    public LoopbackHub(string name, params (string Path, byte[] Content)[] files)
    {
        Name = name;
        foreach (var (path, content) in files) Files[path] = content;
        _hub.Start();
        _contents.Start();
        _ = Serve(_hub, isHub: true);
        _ = Serve(_contents, isHub: false);
    }

    public string Name { get; }

    public Dictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    public Uri Endpoint => new($"http://127.0.0.1:{((IPEndPoint)_hub.LocalEndpoint).Port}");

    /// <summary>Faults of the content server.</summary>
    public ConcurrentQueue<HubFault> Faults { get; } = new();

    /// <summary>Statuses with which the hub answers requests for the list, in order; 200 after that.</summary>
    public ConcurrentQueue<int> ListStatuses { get; } = new();

    /// <summary>Put in place of the list of files.</summary>
    public string? Listing { get; set; }

    /// <summary>Whether contents are found only after more redirections than there are patience for.</summary>
    public bool RedirectsForever { get; set; }

    /// <summary>First line, range and authorization of every request.</summary>
    public ConcurrentQueue<(bool ToHub, string Line, string? Range, string? Authorization)> Requests { get; } = new();

    public string ChecksumOf(string path) => IsLarge(path) ? Convert.ToHexStringLower(SHA256.HashData(Files[path])) : GitHash(Files[path]);

    public void Dispose()
    {
        _end.Cancel();
        _hub.Stop();
        _contents.Stop();
    }

    // as on the real hub: weights are in large-file storage, texts in git
    private static bool IsLarge(string path) => path.EndsWith(".safetensors", StringComparison.Ordinal);

    private static string GitHash(byte[] content) => Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0")), .. content]));

    private async Task Serve(TcpListener listener, bool isHub)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(_end.Token);
                _ = Task.Run(() => Answer(client, isHub));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task Answer(TcpClient client, bool isHub)
    {
        using var connection = client;
        try
        {
            await using var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
            var line = await reader.ReadLineAsync(_end.Token) ?? "";
            string? range = null, authorization = null;
            while (await reader.ReadLineAsync(_end.Token) is { Length: > 0 } header)
            {
                if (header.StartsWith("Range: ", StringComparison.Ordinal)) range = header[7..];
                if (header.StartsWith("Authorization: ", StringComparison.Ordinal)) authorization = header[15..];
            }

            Requests.Enqueue((isHub, line, range, authorization));
            var path = Uri.UnescapeDataString(line.Split(' ')[1]);
            if (isHub) await AnswerAsHub(stream, path);
            else await AnswerContent(stream, Files[path[1..]], range);
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException)
        {
        }
    }

    private async Task AnswerAsHub(Stream stream, string path)
    {
        var contents = $"http://127.0.0.1:{((IPEndPoint)_contents.LocalEndpoint).Port}";
        var resolve = $"/{Name}/resolve/{Commit}/";
        if (path.StartsWith($"/api/models/{Name}/revision/", StringComparison.Ordinal))
        {
            if (ListStatuses.TryDequeue(out var status)) await Send(stream, $"HTTP/1.1 {status} No\r\n{(status == 429 ? "Retry-After: 0\r\n" : "")}Content-Length: 0", []);
            else await Send(stream, "HTTP/1.1 200 OK", Encoding.UTF8.GetBytes(Listing ?? List()));
        }
        else if (path.StartsWith(resolve, StringComparison.Ordinal))
        {
            var there = RedirectsForever ? path : $"{contents}/{path[resolve.Length..]}";
            await Send(stream, $"HTTP/1.1 302 Found\r\nLocation: {there}\r\nContent-Length: 0", []);
        }
        else
        {
            await Send(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0", []);
        }
    }

    private string List()
    {
        var files = Files.Select(file => IsLarge(file.Key)
            ? $"{{\"rfilename\":\"{file.Key}\",\"size\":{file.Value.Length},\"blobId\":\"{GitHash([1])}\",\"lfs\":{{\"sha256\":\"{ChecksumOf(file.Key)}\",\"size\":{file.Value.Length},\"pointerSize\":134}}}}"
            : $"{{\"rfilename\":\"{file.Key}\",\"size\":{file.Value.Length},\"blobId\":\"{ChecksumOf(file.Key)}\"}}");
        return $"{{\"id\":\"{Name}\",\"sha\":\"{Commit}\",\"siblings\":[{string.Join(',', files)}]}}";
    }

    private async Task AnswerContent(Stream stream, byte[] content, string? range)
    {
        var from = range is null ? 0 : int.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture);
        if (from >= content.Length && range is not null)
        {
            await Send(stream, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0", []);
            return;
        }

        HubFault? planned = Faults.TryDequeue(out var next) ? next : null;
        if (planned == HubFault.IgnoreRange) (from, range) = (0, null);
        if (planned == HubFault.OtherRange) (from, range) = (from / 2, "other");
        var body = content[from..];
        var head = range is null ? "HTTP/1.1 200 OK" : string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{content.Length - 1}/{content.Length}");
        var length = string.Create(CultureInfo.InvariantCulture, $"\r\nContent-Length: {body.Length}");
        switch (planned)
        {
            case HubFault.Drop:
                await Send(stream, head + length, body[..(body.Length / 2)]);
                break;
            case HubFault.OtherSize:
                await Send(stream, string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 200 OK\r\nContent-Length: {content.Length - 7}"), content[7..]);
                break;
            case HubFault.Longer:
                await Send(stream, head, [.. body, 1, 2, 3]);
                break;
            case HubFault.WrongBytes:
                await Send(stream, head + length, [.. body.Select(value => (byte)~value)]);
                break;
            case HubFault.TooMany:
                await Send(stream, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0", []);
                break;
            case HubFault.Unavailable:
                await Send(stream, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0", []);
                break;
            case HubFault.Silence:
                await stream.WriteAsync(Encoding.ASCII.GetBytes(head + length + "\r\n\r\n"), _end.Token);
                await Task.Delay(Timeout.Infinite, _end.Token);
                break;
            default:
                await Send(stream, head + length, body);
                break;
        }
    }

    private async Task Send(Stream stream, string head, byte[] body)
    {
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head + "\r\nConnection: close\r\n\r\n"), _end.Token);
        await stream.WriteAsync(body, _end.Token);
        await stream.FlushAsync(_end.Token);
    }
}
