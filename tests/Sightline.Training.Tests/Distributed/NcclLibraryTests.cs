using Sightline.Testing;
using Sightline.Training.Distributed.Nccl;

namespace Sightline.Training.Tests.Distributed;

/// <summary>Which libraries are taken for NCCL.</summary>
[Collection(Alone.Name)]
public sealed class NcclLibraryTests
{
    [Theory]
    [InlineData(2708, 2, 7, 8)]
    [InlineData(2804, 2, 8, 4)]
    [InlineData(20905, 2, 9, 5)]
    [InlineData(22705, 2, 27, 5)]
    public void Versions_are_read(int code, int major, int minor, int patch) => Assert.Equal(new Version(major, minor, patch), NcclLibrary.Read(code));

    [Fact]
    public void Old_versions_are_refused()
    {
        var error = Assert.Throws<SightlineException>(() => FakeNccl.Open(2604));
        Assert.Equal((ErrorKind.MissingLibrary, "NCCL 2.6.4 at /fake/libnccl.so.2 is too old: version 2.7 or later is needed"), (error.Kind, error.Message));
    }

    [Theory]
    [InlineData("ncclGetVersion")]
    [InlineData("ncclSend")]
    [InlineData("ncclCommAbort")]
    public void A_library_without_the_functions_is_refused(string missing) =>
        Assert.Equal($"/fake/libnccl.so.2 is no NCCL of version 2.7 or later (it has no {missing})", Assert.Throws<SightlineException>(() => FakeNccl.Open(missing: missing)).Message);

    [Fact]
    public void What_is_no_library_is_said_so()
    {
        var file = Path.Combine(Path.GetTempPath(), $"sightline-{Environment.ProcessId}-{NcclSearch.FileName}");
        File.WriteAllText(file, "not a library");
        try
        {
            var (library, problem) = NcclLibrary.Load(file);
            Assert.Null(library);
            Assert.StartsWith($"{file} cannot be loaded: ", problem);
            Assert.DoesNotContain('\n', problem!);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Another_library_is_said_so()
    {
        if (!OperatingSystem.IsLinux()) return; // there is no NCCL elsewhere
        Assert.Equal("libc.so.6 is no NCCL of version 2.7 or later (it has no ncclGetVersion)", NcclLibrary.Load("libc.so.6").Problem);
    }
}
