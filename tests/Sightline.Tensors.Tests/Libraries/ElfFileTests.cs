using System.Runtime.InteropServices;
using Sightline.Tensors.Libraries;
using Sightline.Tensors.LibTorch;
using Sightline.Tensors.LibTorch.Native;

namespace Sightline.Tensors.Tests.Libraries;

/// <summary>Libraries that are cut short, another processor's, or lack what they need: a sentence each, and never the end of the process.</summary>
public sealed class ElfFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-").FullName;
    private readonly byte[] _whole = OperatingSystem.IsLinux() ? File.ReadAllBytes(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so")) : [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(100)]
    [InlineData(4096)]
    [InlineData(46_000)]
    public void A_file_that_is_cut_short_is_not_loaded(int left)
    {
        if (!OperatingSystem.IsLinux()) return;
        var file = Write(_whole[..left]);
        var message = Assert.Throws<LibTorchException>(() => LibTorchLibrary.Load(file)).Message;
        Assert.StartsWith($"{file} cannot be loaded: the file is incomplete: its header speaks of ", message);
        Assert.EndsWith($" bytes and the file has {left}: copy or download it again", message);
    }

    [Fact]
    public void The_sentence_speaks_of_the_whole_file()
    {
        if (!OperatingSystem.IsLinux()) return;
        Assert.Contains($" {_whole.Length} bytes ", ElfFile.Problem(Write(_whole[..4096])));
    }

    /// <summary>The names of sections stand behind all that is mapped, and the system's loader does not miss them.</summary>
    [Fact]
    public void What_the_loader_takes_is_not_refused()
    {
        if (!OperatingSystem.IsLinux()) return;
        foreach (var left in (int[])[_whole.Length, _whole.Length - 1])
        {
            var library = SystemLoader.TryLoad(Write(_whole[..left]), out var reason);
            Assert.Equal("", reason);
            NativeLibrary.Free(library);
        }
    }

    [Fact]
    public void What_is_no_library_is_left_to_the_loader()
    {
        if (!OperatingSystem.IsLinux()) return;
        Assert.Null(ElfFile.Problem(Path.Combine(_folder, "missing.so")));
        Assert.Null(ElfFile.Problem(_folder));
        Assert.Null(ElfFile.Problem(Write([])));
        Assert.Null(ElfFile.Problem(Write(_whole[..63])));
        Assert.Null(ElfFile.Problem(Write(new byte[4096])));
    }

    [Fact]
    public void Another_processors_file_is_said_so()
    {
        if (!OperatingSystem.IsLinux()) return;
        var own = RuntimeInformation.ProcessArchitecture;
        var (other, machine) = own == Architecture.Arm64 ? (Architecture.X64, (byte)62) : (Architecture.Arm64, (byte)183);
        (_whole[18], _whole[19]) = (machine, 0);
        Assert.Equal(0, SystemLoader.TryLoad(Write(_whole), out var reason));
        Assert.Equal($"it is built for processors of another kind ({other}; this process is {own}): take the one for {own}", reason);
    }

    [Fact]
    public void A_library_that_needs_another_says_what_to_do()
    {
        if (!OperatingSystem.IsLinux()) return;
        var (needed, gone) = ("libc.so.6\0"u8.ToArray(), "libq.so.6\0"u8.ToArray());
        if (_whole.AsSpan().IndexOf(needed) < 0) return; // another C library
        while (_whole.AsSpan().IndexOf(needed) is >= 0 and var at) gone.CopyTo(_whole.AsSpan(at));
        var file = Write(_whole);
        var message = Assert.Throws<LibTorchException>(() => LibTorchLibrary.Load(file)).Message;
        Assert.StartsWith($"{file} cannot be loaded: it needs libq.so.6, which is not on this system (cannot open shared object file", message);
        Assert.EndsWith("): install it, or take another libtorch, such as pip's package torch (docs/gpu.md)", message);
    }

    [Fact]
    public void A_folder_that_may_not_be_read_is_told_from_one_that_is_empty()
    {
        Assert.Equal("/secret may not be read (permission denied)", SystemLoader.Denied("/secret", _ => throw new UnauthorizedAccessException()));
        Assert.Null(SystemLoader.Denied(_folder));
        Assert.Null(SystemLoader.Denied(Path.Combine(_folder, "missing")));
    }

    private string Write(byte[] bytes)
    {
        var file = Path.Combine(_folder, $"{Guid.NewGuid():N}-{LibTorchSearch.FileName}");
        File.WriteAllBytes(file, bytes);
        return file;
    }
}
