using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Sightline.Hub;

/// <summary>
/// The requests to a hub. Redirections are followed by hand: the token goes to the endpoint's own host only. Answers that a user can act on
/// become sentences; those that another try may change are <see cref="HttpRequestException"/>.
/// </summary>
internal sealed class HubClient : IDisposable
{
    private const int MostRedirections = 8;
    private const int LargestListing = 32 << 20;

    private readonly HubSettings _settings;
    private readonly HttpClient _http;

    public HubClient(HubSettings settings)
    {
        _settings = settings;
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, AutomaticDecompression = DecompressionMethods.None, ConnectTimeout = settings.Silence })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("sightline/1");
        _http.DefaultRequestHeaders.AcceptEncoding.ParseAdd("identity");
    }

    // an endpoint may have a path of its own (mirrors)
    private string Root => _settings.Endpoint.AbsoluteUri.TrimEnd('/');

    public void Dispose() => _http.Dispose();

    /// <summary>The files of a revision, with sizes and checksums.</summary>
    public async Task<HubListing> ListAsync(HubModelName name, string revision, CancellationToken cancellation)
    {
        var address = new Uri($"{Root}/api/models/{name}/revision/{Uri.EscapeDataString(revision)}?blobs=true");
        using var response = await SendAsync(address, 0, name, revision, cancellation).ConfigureAwait(false);
        using var limit = Silent(cancellation);
        await using var stream = await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
        var buffer = new MemoryStream();
        var piece = new byte[1 << 16];
        for (int count; (count = await stream.ReadAsync(piece, limit.Token).ConfigureAwait(false)) > 0;)
        {
            buffer.Write(piece, 0, count);
            if (buffer.Length > LargestListing) throw Unexpected(name, "its list of files is larger than any");
        }

        return Read(buffer.ToArray(), name);
    }

    /// <summary>Where a file's content is.</summary>
    public Uri AddressOf(HubModelName name, string commit, string path) =>
        new($"{Root}/{name}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    /// <summary>Asks for an address, from a byte on, through redirections. The answer's status is 200, 206 or 416.</summary>
    /// <exception cref="SightlineException">Network: refused, or not there.</exception>
    /// <exception cref="HttpRequestException">Something that may pass.</exception>
    public async Task<HttpResponseMessage> SendAsync(Uri address, long from, HubModelName name, string what, CancellationToken cancellation)
    {
        for (var i = 0; i <= MostRedirections; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
            if (_settings.Token is { } token && address.Host == _settings.Endpoint.Host && address.Port == _settings.Endpoint.Port) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var limit = Silent(cancellation);
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
            if ((int)response.StatusCode is >= 300 and < 400 && response.Headers.Location is { } there)
            {
                response.Dispose();
                address = new Uri(address, there);
                if (address.Scheme is not ("http" or "https") || (_settings.Endpoint.Scheme == "https" && address.Scheme == "http")) throw Unexpected(name, $"it sends to {address.Scheme}://{address.Host}");
                continue;
            }

            if (response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable) return response;
            var error = Refused(response, name, what);
            response.Dispose();
            throw error;
        }

        throw Unexpected(name, "it sends from one address to another without end");
    }

    /// <summary>An end to silence; each use of the token's source starts it anew with <c>CancelAfter</c>.</summary>
    public CancellationTokenSource Silent(CancellationToken cancellation)
    {
        var source = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        source.CancelAfter(_settings.Silence);
        return source;
    }

    private Exception Refused(HttpResponseMessage response, HubModelName name, string what)
    {
        var host = _settings.Endpoint.Host;
        switch (response.StatusCode)
        {
            case HttpStatusCode.Unauthorized:
                return new SightlineException(ErrorKind.Network, _settings.Token is null
                    ? $"{host} does not show {name} without a token (or there is no such model): check the name, and set HF_TOKEN for gated and private models"
                    : $"{host} does not accept the token in HF_TOKEN for {name} (or there is no such model): check both");
            case HttpStatusCode.Forbidden:
                return new SightlineException(ErrorKind.Network, $"{host} refuses access to {name}: accept the model's terms on its page, and set HF_TOKEN to a token that may read it");
            case HttpStatusCode.NotFound:
                return new SightlineException(ErrorKind.Network, $"{host} has no {name} with '{what}': check the name and the revision");
            default:
                var wait = response.Headers.RetryAfter?.Delta;
                var error = new HttpRequestException($"{host} answers {(int)response.StatusCode} {response.ReasonPhrase}", null, response.StatusCode);
                if (wait is { } pause) error.Data["wait"] = pause;
                return error;
        }
    }

    private SightlineException Unexpected(HubModelName name, string what) => new(ErrorKind.Network, $"{_settings.Endpoint.Host} does not answer as a hub does about {name}: {what}");

    private HubListing Read(byte[] json, HubModelName name)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            var commit = root.GetProperty("sha").GetString();
            if (!HubFile.IsChecksum(commit)) throw Unexpected(name, "it names no commit");
            return new HubListing(commit!, [.. root.GetProperty("siblings").EnumerateArray().Select(file => ReadFile(file, name))]);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw Unexpected(name, $"its list of files cannot be read ({error.Message.TrimEnd('.')})");
        }
    }

    private HubFile ReadFile(JsonElement file, HubModelName name)
    {
        var path = file.GetProperty("rfilename").GetString();
        if (!HubFile.IsPath(path)) throw Unexpected(name, $"a file is called '{path}'");
        var isLarge = file.TryGetProperty("lfs", out var large) && large.ValueKind == JsonValueKind.Object;
        var size = (isLarge ? large : file).GetProperty("size").GetInt64();
        var checksum = isLarge ? large.GetProperty("sha256").GetString() : file.GetProperty("blobId").GetString();
        if (size < 0 || !HubFile.IsChecksum(checksum)) throw Unexpected(name, $"{path} has no size or no checksum");
        return new HubFile(path!, size, checksum!);
    }
}
