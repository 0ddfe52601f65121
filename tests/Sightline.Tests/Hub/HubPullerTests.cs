using Sightline.Checkpoints;
using Sightline.Hub;
using Sightline.Testing;
using Sightline.Tests.Checkpoints;

namespace Sightline.Tests.Hub;

public sealed class HubPullerTests : IDisposable
{
    private static readonly HubModelName Name = HubModelName.Parse("Owner/Some-Model");
    private static readonly byte[] Weights = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 7919 >> 5))];

    private readonly TemporaryFolder _folder = new();
    private readonly LoopbackHub _hub = new(
        Name.ToString(),
        ("config.json", "{\"model_type\": \"qwen2_vl\"}"u8.ToArray()),
        ("model.safetensors", Weights),
        ("notes/README.md", "words"u8.ToArray()),
        ("empty.txt", []),
        ("pytorch_model.bin", [1, 2, 3]));

    private string Model => Path.Combine(_folder.Path, "models--Owner--Some-Model");

    public void Dispose()
    {
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task TheCacheIsLaidOutAsTheHubsOwnToolsDoIt()
    {
        var snapshot = await PullAsync();
        Assert.Equal(Path.Combine(Model, "snapshots", LoopbackHub.Commit), snapshot);
        Assert.Equal(LoopbackHub.Commit, await File.ReadAllTextAsync(Path.Combine(Model, "refs", "main"), TestContext.Current.CancellationToken));
        Assert.Equal(["README.md", "config.json", "empty.txt", "model.safetensors"], Directory.GetFiles(snapshot, "*", SearchOption.AllDirectories).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        Assert.Equal("../../blobs/" + _hub.ChecksumOf("config.json"), new FileInfo(Path.Combine(snapshot, "config.json")).LinkTarget);
        Assert.Equal("../../../blobs/" + _hub.ChecksumOf("notes/README.md"), new FileInfo(Path.Combine(snapshot, "notes", "README.md")).LinkTarget);
        Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(snapshot, "model.safetensors"), TestContext.Current.CancellationToken));
        Assert.DoesNotContain(Directory.GetFiles(Model, "*", SearchOption.AllDirectories), file => file.EndsWith(".incomplete", StringComparison.Ordinal) || file.EndsWith(".tmp", StringComparison.Ordinal));
        // and found again
        var cache = new HubCache(_folder.Path);
        Assert.Equal(snapshot, cache.Find(Name));
        Assert.Equal(snapshot, cache.Find(Name with { Revision = LoopbackHub.Commit }));
        Assert.Null(cache.Find(Name with { Revision = "v2" }));
        Assert.Equal([(Name, snapshot)], cache.List());
        using var opened = HuggingFaceFolder.Open(snapshot);
        Assert.Equal("qwen2_vl", opened.ModelType);
    }

    [Fact]
    public async Task OtherRevisionsAreListedUnderTheirNames()
    {
        var tagged = Name with { Revision = "refs/pr/1" };
        var snapshot = await new HubPuller(Settings).PullAsync(tagged, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal([(tagged, snapshot)], new HubCache(_folder.Path).List());
        await PullAsync();
        Assert.Equal([(Name, snapshot), (tagged, snapshot)], new HubCache(_folder.Path).List());
        Directory.Delete(Path.Combine(Model, "refs"), recursive: true); // as pulled by its commit
        Assert.Equal([(Name with { Revision = LoopbackHub.Commit }, snapshot)], new HubCache(_folder.Path).List());
    }

    [Fact]
    public async Task WhatIsThereIsNotFetchedAgain()
    {
        await PullAsync();
        var before = _hub.Requests.Count;
        File.Delete(Path.Combine(Model, "snapshots", LoopbackHub.Commit, "config.json"));
        await PullAsync();
        Assert.Equal(before + 1, _hub.Requests.Count); // the list alone; the link is made anew
        Assert.True(File.Exists(Path.Combine(Model, "snapshots", LoopbackHub.Commit, "config.json")));
        await PullAsync(all: true);
        Assert.True(File.Exists(Path.Combine(Model, "snapshots", LoopbackHub.Commit, "pytorch_model.bin")));
    }

    [Fact]
    public async Task BrokenConnectionsAreResumed()
    {
        WeightsFirst();
        foreach (var fault in new[] { HubFault.Drop, HubFault.Drop, HubFault.Drop }) _hub.Faults.Enqueue(fault);
        var progress = new List<HubProgress>();
        var snapshot = await PullAsync(progress: new Recorder(progress));
        await AssertWholeAsync(snapshot);
        Assert.Equal(["all", "bytes=150000-", "bytes=225000-", "bytes=262500-"], Ranges());
        Assert.True(progress.Zip(progress.Skip(1)).All(pair => pair.First.Bytes <= pair.Second.Bytes));
        Assert.Equal(progress[^1].TotalBytes, progress[^1].Bytes);
    }

    [Fact]
    public async Task ThePullOfAnEarlierProcessGoesOn()
    {
        var partial = Path.Combine(Model, "blobs", _hub.ChecksumOf("model.safetensors") + ".incomplete");
        Directory.CreateDirectory(Path.GetDirectoryName(partial)!);
        await File.WriteAllBytesAsync(partial, Weights[..100_000], TestContext.Current.CancellationToken);
        await AssertWholeAsync(await PullAsync());
        Assert.Equal(["bytes=100000-"], Ranges());
    }

    [Fact]
    public async Task ABeginningThatIsWrongIsThrownAway()
    {
        var partial = Path.Combine(Model, "blobs", _hub.ChecksumOf("model.safetensors") + ".incomplete");
        Directory.CreateDirectory(Path.GetDirectoryName(partial)!);
        await File.WriteAllBytesAsync(partial, new byte[100_000], TestContext.Current.CancellationToken);
        await AssertWholeAsync(await PullAsync());
        Assert.Equal(["bytes=100000-", "all"], Ranges());
        // longer than the whole
        File.Delete(Path.Combine(Model, "blobs", _hub.ChecksumOf("model.safetensors")));
        await File.WriteAllBytesAsync(partial, new byte[400_000], TestContext.Current.CancellationToken);
        await AssertWholeAsync(await PullAsync());
    }

    [Theory]
    [InlineData(HubFault.OtherSize)]
    [InlineData(HubFault.Longer)]
    [InlineData(HubFault.WrongBytes)]
    [InlineData(HubFault.TooMany)]
    [InlineData(HubFault.Unavailable)]
    [InlineData(HubFault.Silence)]
    public async Task OneFaultIsSurvived(HubFault fault)
    {
        WeightsFirst();
        _hub.Faults.Enqueue(fault);
        await AssertWholeAsync(await PullAsync());
    }

    [Theory]
    [InlineData(HubFault.IgnoreRange)]
    [InlineData(HubFault.OtherRange)]
    public async Task ServersThatDoNotKnowRangesAreSurvived(HubFault fault)
    {
        WeightsFirst();
        _hub.Faults.Enqueue(HubFault.Drop);
        _hub.Faults.Enqueue(fault);
        await AssertWholeAsync(await PullAsync());
    }

    [Theory]
    [InlineData(HubFault.OtherSize, "promised 300000")]
    [InlineData(HubFault.WrongBytes, "checksum")]
    [InlineData(HubFault.Longer, "more than it promised")]
    [InlineData(HubFault.Unavailable, "503")]
    [InlineData(HubFault.Silence, "silent")]
    public async Task FaultsThatLastAreSentencesAndLeaveNoHalfModel(HubFault fault, string sentence)
    {
        WeightsFirst();
        for (var i = 0; i < 20; i++) _hub.Faults.Enqueue(fault);
        var settings = fault == HubFault.Silence ? Settings with { Silence = TimeSpan.FromMilliseconds(300) } : Settings;
        var error = await Assert.ThrowsAsync<SightlineException>(() => PullAsync(settings));
        Assert.Equal(ErrorKind.Network, error.Kind);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
        Assert.Contains("model.safetensors", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Model, "snapshots", LoopbackHub.Commit, "model.safetensors")));
        Assert.False(File.Exists(Path.Combine(Model, "refs", "main")));
        Assert.Null(new HubCache(_folder.Path).Find(Name));
        _hub.Faults.Clear();
        await AssertWholeAsync(await PullAsync());
    }

    [Theory]
    [InlineData(401, "HF_TOKEN")]
    [InlineData(403, "terms")]
    [InlineData(404, "has no Owner/Some-Model with 'main'")]
    public async Task RefusalsAreSentences(int status, string sentence)
    {
        _hub.ListStatuses.Enqueue(status);
        var error = await Assert.ThrowsAsync<SightlineException>(() => PullAsync());
        Assert.Equal(ErrorKind.Network, error.Kind);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
        Assert.Single(_hub.Requests); // no other try changes it
    }

    [Fact]
    public async Task ABusyHubIsAskedAgain()
    {
        foreach (var status in new[] { 429, 503, 500 }) _hub.ListStatuses.Enqueue(status);
        await AssertWholeAsync(await PullAsync());
        for (var i = 0; i < 10; i++) _hub.ListStatuses.Enqueue(429);
        Assert.Contains("429", (await Assert.ThrowsAsync<SightlineException>(() => PullAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheTokenGoesToTheHubAlone()
    {
        await PullAsync(Settings with { Token = "secret" });
        Assert.All(_hub.Requests, request => Assert.Equal(request.ToHub ? "Bearer secret" : null, request.Authorization));
        Assert.Contains(_hub.Requests, request => !request.ToHub);
    }

    [Theory]
    [InlineData("<html>", "cannot be read")]
    [InlineData("{}", "cannot be read")]
    [InlineData("{\"sha\": \"../../..\", \"siblings\": []}", "no commit")]
    [InlineData("{\"sha\": \"0123456789abcdef0123456789abcdef01234567\", \"siblings\": [{\"rfilename\": \"../../evil.json\", \"size\": 1, \"blobId\": \"0123456789abcdef0123456789abcdef01234567\"}]}", "evil")]
    [InlineData("{\"sha\": \"0123456789abcdef0123456789abcdef01234567\", \"siblings\": [{\"rfilename\": \"/etc/x.json\", \"size\": 1, \"blobId\": \"0123456789abcdef0123456789abcdef01234567\"}]}", "/etc")]
    [InlineData("{\"sha\": \"0123456789abcdef0123456789abcdef01234567\", \"siblings\": [{\"rfilename\": \"config.json\", \"size\": 1, \"blobId\": \"../x\"}]}", "checksum")]
    [InlineData("{\"sha\": \"0123456789abcdef0123456789abcdef01234567\", \"siblings\": [{\"rfilename\": \"config.json\", \"size\": 1}]}", "cannot be read")]
    [InlineData("{\"sha\": \"0123456789abcdef0123456789abcdef01234567\", \"siblings\": []}", "config.json")]
    [InlineData("{\"sha\": \"0123456789abcdef0123456789abcdef01234567\", \"siblings\": [{\"rfilename\": \"config.json\", \"size\": 9000000000000000000, \"blobId\": \"0123456789abcdef0123456789abcdef01234567\"}]}", "GB")]
    public async Task HostileListsAreRefused(string listing, string sentence)
    {
        _hub.Listing = listing;
        var error = await Assert.ThrowsAsync<SightlineException>(() => PullAsync());
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task EndlessRedirectionsEnd()
    {
        _hub.RedirectsForever = true;
        Assert.Contains("without end", (await Assert.ThrowsAsync<SightlineException>(() => PullAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoServerAndOfflineAreSentences()
    {
        var settings = Settings;
        _hub.Dispose();
        Assert.Equal(ErrorKind.Network, (await Assert.ThrowsAsync<SightlineException>(() => PullAsync(settings))).Kind);
        Assert.Contains("HF_HUB_OFFLINE", (await Assert.ThrowsAsync<SightlineException>(() => PullAsync(settings with { IsOffline = true }))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TwoPullsAtOnceFetchOnce()
    {
        await Task.WhenAll(PullAsync(), PullAsync());
        Assert.Single(_hub.Requests, request => !request.ToHub && request.Line.Contains("safetensors", StringComparison.Ordinal));
    }

    [Fact]
    public async Task CancellationStopsAndKeepsWhatCame()
    {
        WeightsFirst();
        _hub.Faults.Enqueue(HubFault.Drop);
        _hub.Faults.Enqueue(HubFault.Silence);
        using var source = new CancellationTokenSource();
        var pull = new HubPuller(Settings with { Silence = TimeSpan.FromSeconds(100) }).PullAsync(Name, progress: new Action(progress => { if (progress.Bytes >= 150_000) source.CancelAfter(50); }), cancellation: source.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull);
        Assert.Equal(150_000, new FileInfo(Path.Combine(Model, "blobs", _hub.ChecksumOf("model.safetensors") + ".incomplete")).Length);
    }

    [Fact]
    public async Task AHalfFetchedCommitIsNoModel()
    {
        var commit = Name with { Revision = LoopbackHub.Commit };
        using var source = new CancellationTokenSource();
        var pull = new HubPuller(Settings).PullAsync(commit, progress: new Action(progress => { if (progress.File == "model.safetensors") source.Cancel(); }), cancellation: source.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull);
        Assert.Null(new HubCache(_folder.Path).Find(commit));
        Assert.Empty(new HubCache(_folder.Path).List());
    }

    [Fact]
    public void ATokenFromAFileMayEndInALine()
    {
        var before = Environment.GetEnvironmentVariable("HF_TOKEN");
        try
        {
            Environment.SetEnvironmentVariable("HF_TOKEN", "hf_secret\n");
            Assert.Equal("hf_secret", HubSettings.FromEnvironment().Token);
            Environment.SetEnvironmentVariable("HF_TOKEN", " ");
            Assert.Null(HubSettings.FromEnvironment().Token);
        }
        finally
        {
            Environment.SetEnvironmentVariable("HF_TOKEN", before);
        }
    }

    [Theory]
    [InlineData("Qwen/Qwen2-VL-2B-Instruct", null)]
    [InlineData("a/b@v1.0", "v1.0")]
    [InlineData("a/b@refs/pr/1", "refs/pr/1")]
    public void NamesAreRead(string text, string? revision)
    {
        Assert.True(HubModelName.TryParse(text, out var name));
        Assert.Equal((text.Split('@')[0], revision), (name.ToString(), name.Revision));
    }

    [Theory]
    [InlineData("nano")]
    [InlineData("a/b/c")]
    [InlineData("../b")]
    [InlineData("a/..")]
    [InlineData("a--b/c")]
    [InlineData("a/b@../x")]
    [InlineData("a/b c")]
    [InlineData("/b")]
    [InlineData("")]
    public void OtherTextsAreNoNames(string text) => Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => HubModelName.Parse(text)).Kind);

    // The tests' pauses are short and the server's silence is, too.
    private HubSettings Settings => new() { Endpoint = _hub.Endpoint, CacheFolder = _folder.Path, RetryDelay = TimeSpan.FromMilliseconds(1), Silence = TimeSpan.FromSeconds(3), MaximumTries = 4 };

    private Task<string> PullAsync(HubSettings? settings = null, bool all = false, IProgress<HubProgress>? progress = null) =>
        new HubPuller(settings ?? Settings).PullAsync(Name, all, progress, TestContext.Current.CancellationToken);

    private async Task AssertWholeAsync(string snapshot) => Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(snapshot, "model.safetensors"), TestContext.Current.CancellationToken));

    /// <summary>The weights are first, so that faults meet them.</summary>
    private void WeightsFirst()
    {
        var weights = _hub.Files["model.safetensors"];
        var others = _hub.Files.Where(file => file.Key != "model.safetensors").ToList();
        _hub.Files.Clear();
        _hub.Files["model.safetensors"] = weights;
        foreach (var (path, content) in others.Take(1)) _hub.Files[path] = content;
    }

    private List<string> Ranges() => [.. _hub.Requests.Where(request => !request.ToHub && request.Line.Contains("safetensors", StringComparison.Ordinal)).Select(request => request.Range ?? "all")];

    private sealed class Recorder(List<HubProgress> list) : IProgress<HubProgress>
    {
        public void Report(HubProgress value) => list.Add(value);
    }

    private sealed class Action(System.Action<HubProgress> action) : IProgress<HubProgress>
    {
        public void Report(HubProgress value) => action(value);
    }
}
