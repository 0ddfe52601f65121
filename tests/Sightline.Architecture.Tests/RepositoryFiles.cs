using Sightline.Testing;

namespace Sightline.Architecture.Tests;

/// <summary>The files of the repository without what builds and runs leave behind.</summary>
internal static class RepositoryFiles
{
    private static readonly HashSet<string> Ignored = ["bin", "obj", "artifacts", "runs", "out", ".git", ".vs", ".idea"];

    /// <summary>Extensions of files that people read.</summary>
    private static readonly HashSet<string> TextExtensions =
        [".cs", ".csproj", ".props", ".targets", ".slnx", ".json", ".jsonl", ".md", ".sh", ".py", ".txt", ".yml", ".html", ".xml", ""];

    /// <summary>Paths relative to the root, with forward slashes.</summary>
    public static IReadOnlyList<string> All { get; } = Walk(new DirectoryInfo(Fixtures.Root))
        .Select(file => System.IO.Path.GetRelativePath(Fixtures.Root, file.FullName).Replace('\\', '/'))
        .Order(StringComparer.Ordinal)
        .ToList();

    public static IEnumerable<string> Texts => All.Where(path => TextExtensions.Contains(System.IO.Path.GetExtension(path)));

    public static IEnumerable<string> Sources => All.Where(path => path.EndsWith(".cs", StringComparison.Ordinal));

    public static string FullPath(string path) => System.IO.Path.Combine(Fixtures.Root, path);

    private static IEnumerable<FileInfo> Walk(DirectoryInfo folder) =>
        folder.EnumerateFiles().Where(file => file.Name != ".git")
            .Concat(folder.EnumerateDirectories().Where(child => !Ignored.Contains(child.Name) && child.LinkTarget is null).SelectMany(Walk));
}
