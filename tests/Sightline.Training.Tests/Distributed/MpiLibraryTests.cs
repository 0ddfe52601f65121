using Sightline.Training.Distributed;

namespace Sightline.Training.Tests.Distributed;

/// <summary>What is said of a library that is named and is no Open MPI.</summary>
public sealed class MpiLibraryTests
{
    [Fact]
    public void What_cannot_be_loaded_is_named_with_the_reason()
    {
        var missing = MpiLibrary.Look("/nowhere/libmpi.so.40");
        Assert.Null(missing.Version);
        Assert.True(missing.IsNamed);
        Assert.StartsWith("/nowhere/libmpi.so.40 (", missing.Tried, StringComparison.Ordinal);
        Assert.Contains(missing.Tried, missing.Problem!, StringComparison.Ordinal);
        var file = Path.GetTempFileName();
        File.WriteAllText(file, new string('x', 4096));
        var damaged = MpiLibrary.Look(file).Tried;
        File.Delete(file);
        Assert.DoesNotContain("LD_DEBUG", damaged, StringComparison.Ordinal);
        if (OperatingSystem.IsLinux()) Assert.Equal($"{file} (invalid ELF header)", damaged);
    }

    [Fact]
    public void Another_library_is_told_from_none()
    {
        var runtime = Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, OperatingSystem.IsWindows() ? "coreclr.dll" : OperatingSystem.IsMacOS() ? "libcoreclr.dylib" : "libcoreclr.so");
        var other = MpiLibrary.Look(runtime);
        Assert.Equal((null, $"{runtime} (another MPI, or none)"), (other.Version, other.Tried));
    }
}
