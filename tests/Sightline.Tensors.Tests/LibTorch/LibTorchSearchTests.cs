using Sightline.Tensors.LibTorch;
using Sightline.Tensors.LibTorch.Native;

namespace Sightline.Tensors.Tests.LibTorch;

/// <summary>Where libtorch is looked for, what is said when it is missing or too old, and the names of devices; nothing here needs the library.</summary>
public class LibTorchSearchTests
{
    private static readonly string s_file = LibTorchSearch.FileName;

    [Fact]
    public void A_named_folder_comes_first_and_alone()
    {
        var place = Assert.Single(Look("/opt/torch", files: [$"/opt/torch/lib/{s_file}", $"/env/lib/{s_file}"], ("LIBTORCH", "/env")));
        Assert.Equal(("named", Path.Combine("/opt/torch", "lib", s_file), true), (place.Source, place.Path, place.IsFound));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/lib")]
    [InlineData("/torch/lib")]
    public void A_folder_may_be_the_librarys_its_lib_or_pythons(string inside)
    {
        var place = Assert.Single(Look("/opt/x", files: [$"/opt/x{inside}/{s_file}"]));
        Assert.True(place.IsFound);
        Assert.Equal($"/opt/x{inside}/{s_file}", place.Path.Replace('\\', '/'));
    }

    [Fact]
    public void A_file_may_be_named()
    {
        Assert.True(Assert.Single(Look($"/opt/x/{s_file}", files: [$"/opt/x/{s_file}"])).IsFound);
        Assert.False(Assert.Single(Look("/opt/notes.txt", files: ["/opt/notes.txt"])).IsFound);
        Assert.True(Assert.Single(Look($"/opt/x/{s_file}.2.14", files: [$"/opt/x/{s_file}.2.14"])).IsFound); // as distributions call it
    }

    [Fact]
    public void A_folder_that_may_not_be_read_does_not_end_the_search()
    {
        if (OperatingSystem.IsWindows()) return; // other folders there
        var places = LibTorchSearch.Places(
            null, name => name == "VIRTUAL_ENV" ? "/venv" : null, path => path == $"/usr/lib/python3/dist-packages/torch/lib/{s_file}",
            root => root is "/usr/lib" ? ["/usr/lib/python3"] : throw new UnauthorizedAccessException($"Access to the path '{root}' is denied."));
        Assert.Equal("system's Python", Assert.Single(places, place => place.IsFound).Source);
    }

    [Fact]
    public void The_variable_ends_the_search_even_where_nothing_is_there()
    {
        var place = Assert.Single(Look(null, files: [$"/venv/lib/python3.13/site-packages/torch/lib/{s_file}"], ("LIBTORCH", "/gone"), ("VIRTUAL_ENV", "/venv")));
        Assert.Equal(("LIBTORCH", "/gone", false), (place.Source, place.Path, place.IsFound));
    }

    [Fact]
    public void Then_python_environments_the_users_the_systems_and_the_loader()
    {
        if (OperatingSystem.IsWindows()) return; // other folders there
        var places = Look(
            null,
            [$"/usr/lib/python3/dist-packages/torch/lib/{s_file}", $"/venv/lib/python3.13/site-packages/torch/lib/{s_file}"],
            ("VIRTUAL_ENV", "/venv"), ("HOME", "/me"));
        Assert.Equal("VIRTUAL_ENV", places.First(place => place.IsFound).Source);
        Assert.Equal("system's Python", places.Last(place => place.IsFound).Source);
        Assert.Equal(("system", s_file), (places[^1].Source, places[^1].Path));
        Assert.True(places.ToList().FindIndex(place => place.Source == "user's Python") is > 0 and var user && user < places.ToList().FindIndex(place => place.Source == "system's Python"));
    }

    [Fact]
    public void The_newest_python_comes_first()
    {
        var places = Look(null, [], ("VIRTUAL_ENV", "/venv")).Select(place => place.Path).ToList();
        Assert.True(places.FindIndex(path => path.Contains("python3.13", StringComparison.Ordinal)) < places.FindIndex(path => path.Contains("python3.9", StringComparison.Ordinal)));
    }

    [Fact]
    public void An_old_version_is_refused_in_one_sentence()
    {
        var error = Assert.Throws<LibTorchException>(() => LibTorchLibrary.RequireVersion(new Version(2, 9, 1), "/x/libtorch_cpu.so"));
        Assert.Equal("libtorch 2.9.1 at /x/libtorch_cpu.so is too old: version 2.10 or later is needed", error.Message);
        LibTorchLibrary.RequireVersion(new Version(2, 10, 0), "/x");
    }

    [Fact]
    public void What_is_no_libtorch_is_said_so_with_the_loaders_reason()
    {
        using var folder = new Folder();
        var file = Path.Combine(folder.Path, s_file);
        File.WriteAllText(file, new string('x', 4096));
        var message = Assert.Throws<LibTorchException>(() => LibTorchLibrary.Load(file)).Message;
        Assert.StartsWith($"{file} cannot be loaded: ", message);
        if (OperatingSystem.IsLinux()) Assert.Equal($"{file} cannot be loaded: invalid ELF header", message);
    }

    [Fact]
    public void Kernels_for_GPUs_that_are_there_and_cannot_be_loaded_are_told_from_those_that_are_not()
    {
        using var folder = new Folder();
        var name = s_file.Replace("cpu", "cuda", StringComparison.Ordinal);
        var library = Path.Combine(folder.Path, s_file);
        Assert.Equal($"is built for the processor only: {name} is not beside it", Problem(library));
        File.WriteAllText(Path.Combine(folder.Path, name), new string('x', 4096));
        Assert.StartsWith($"is built for GPUs, but {name} cannot be loaded: ", Problem(library));
        Assert.StartsWith($"is built for the processor only: {name}.2.14 ", Problem(library + ".2.14"));

        static string Problem(string library)
        {
            Assert.Equal(0, LibTorchLoader.TryLoadCuda(library, out var problem));
            return problem;
        }
    }

    [Fact]
    public void A_folder_without_the_library_is_named_in_the_error() =>
        Assert.Contains("no " + s_file + " in /nowhere", Assert.Throws<LibTorchException>(() => LibTorchLoader.Find("/nowhere")).Message);

    [Theory]
    [InlineData("cpu", false, 0, "cpu")]
    [InlineData("cuda", true, 0, "cuda:0")]
    [InlineData("cuda:3", true, 3, "cuda:3")]
    public void Devices_are_read_and_written(string text, bool isCuda, int index, string written)
    {
        var device = TorchDevice.Parse(text);
        Assert.Equal(new TorchDevice(isCuda, index), device);
        Assert.Equal(written, device.ToString());
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:999")]
    public void Other_devices_are_refused(string text) => Assert.Throws<FormatException>(() => TorchDevice.Parse(text));

    private static IReadOnlyList<LibTorchSearch.Place> Look(string? folder, string[] files, params (string Name, string Value)[] environment) => LibTorchSearch.Places(
        folder,
        name => environment.FirstOrDefault(variable => variable.Name == name).Value,
        path => files.Contains(path.Replace('\\', '/')),
        root => root.Replace('\\', '/') is "/venv/lib" or "/usr/lib" or "/me/.local/lib" ? [Path.Combine(root, "python3"), Path.Combine(root, "python3.9"), Path.Combine(root, "python3.13"), Path.Combine(root, "ssl")] : []);

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("sightline-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
