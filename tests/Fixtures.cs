using System.Runtime.CompilerServices;

namespace Sightline.Testing;

/// <summary>Finds committed test data: <c>tests/fixtures</c> and the repository's own folders.</summary>
internal static class Fixtures
{
    /// <summary>The repository root, from the place where this file was compiled.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path under <c>tests/fixtures</c>.</summary>
    public static string Path(params string[] parts) =>
        System.IO.Path.Combine([Root, "tests", "fixtures", .. parts]);

    private static string FindRoot([CallerFilePath] string here = "")
    {
        for (var folder = System.IO.Path.GetDirectoryName(here); folder is not null; folder = System.IO.Path.GetDirectoryName(folder))
        {
            if (File.Exists(System.IO.Path.Combine(folder, "Sightline.slnx"))) return folder;
        }

        throw new DirectoryNotFoundException($"no Sightline.slnx above {here}");
    }
}
