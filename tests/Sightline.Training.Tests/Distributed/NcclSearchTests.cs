using Sightline.Training.Distributed.Nccl;

namespace Sightline.Training.Tests.Distributed;

/// <summary>Where NCCL is looked for, and what is said when it is not there.</summary>
public sealed class NcclSearchTests
{
    private const string File = NcclSearch.FileName;

    [Theory]
    [InlineData("/opt/nccl/" + File)]
    [InlineData("/opt/nccl")]
    [InlineData("/opt")]
    public void A_named_file_or_folder_comes_first_and_alone(string named)
    {
        if (OperatingSystem.IsWindows()) return; // there is no NCCL there
        var place = Assert.Single(Look("/torch/lib", named, "/opt/nccl/" + File, "/opt/lib/" + File, "/torch/lib/" + File));
        Assert.Equal((NcclSearch.Variable, named == "/opt" ? "/opt/lib/" + File : "/opt/nccl/" + File, true), (place.Source, place.Path, place.IsFound));
    }

    [Fact]
    public void A_named_place_that_is_empty_ends_the_search()
    {
        var places = Look("/torch/lib", "/gone", "/torch/lib/" + File);
        Assert.False(Assert.Single(places).IsFound);
        Assert.Equal($"no {File} at /gone (SIGHTLINE_NCCL): give the file, its folder, or none", NcclSearch.Open(places).Problem);
    }

    [Fact]
    public void None_does_without()
    {
        var places = Look("/torch/lib", "none", "/torch/lib/" + File);
        Assert.Empty(places);
        Assert.Equal("SIGHTLINE_NCCL is none", NcclSearch.Open(places).Problem);
    }

    [Fact]
    public void Then_beside_libtorch_as_pythons_packages_lie_and_the_loader()
    {
        if (OperatingSystem.IsWindows()) return; // there is no NCCL there
        var places = Look("/venv/lib/python3.13/site-packages/torch/lib", null, $"/venv/lib/python3.13/site-packages/nvidia/nccl/lib/{File}");
        Assert.Equal(["beside libtorch", "beside libtorch", "system"], places.Select(place => place.Source));
        Assert.Equal($"/venv/lib/python3.13/site-packages/nvidia/nccl/lib/{File}", Assert.Single(places, place => place.IsFound).Path);
        Assert.Equal(["system"], Look(null, null).Select(place => place.Source));
        Assert.Equal(["system"], Look("", null).Select(place => place.Source));
    }

    [Fact]
    public void A_library_that_cannot_be_loaded_ends_the_search_with_its_name()
    {
        var (library, looked, problem) = NcclSearch.Open([new("beside libtorch", "/gone/" + File, false), new("beside libtorch", "/no/such/" + File, true), new("system", File, false)]);
        Assert.Null(library);
        Assert.Equal(2, looked.Count);
        Assert.StartsWith($"/no/such/{File} cannot be loaded", problem);
    }

    [Fact]
    public void A_name_that_the_loader_does_not_know_is_said_with_what_to_do()
    {
        var (library, looked, problem) = NcclSearch.Open([new("system", "libnccl-that-nobody-has.so.2", false)]);
        Assert.Null(library);
        Assert.False(Assert.Single(looked).IsFound);
        Assert.StartsWith($"{File} was not found (", problem);
        Assert.EndsWith("): install NVIDIA's NCCL (PyTorch's packages for CUDA bring it) or set SIGHTLINE_NCCL to its path", problem);
        Assert.DoesNotContain('\n', problem!);
    }

    private static IReadOnlyList<NcclSearch.Place> Look(string? torchFolder, string? named, params string[] files) =>
        NcclSearch.Places(torchFolder, name => name == NcclSearch.Variable ? named : null, path => files.Contains(path));
}
