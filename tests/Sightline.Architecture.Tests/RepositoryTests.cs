using System.Xml.Linq;

namespace Sightline.Architecture.Tests;

/// <summary>House rules that a compiler does not check.</summary>
public class RepositoryTests
{
    private const int LineBudget = 600;
    private const long ByteBudget = 150L << 20;

    [Fact]
    public void No_folder_is_a_drawer_for_anything()
    {
        string[] forbidden = ["Utils", "Util", "Utilities", "Helpers", "Helper", "Common", "Extensions", "Misc", "Shared"];
        var bad = RepositoryFiles.All
            .Where(path => !path.StartsWith("tests/fixtures/", StringComparison.Ordinal))
            .Where(path => path.Split('/')[..^1].Any(folder => forbidden.Contains(folder, StringComparer.OrdinalIgnoreCase)));
        Assert.Empty(bad);
    }

    [Fact]
    public void No_type_is_a_manager_of_anything()
    {
        string[] forbidden = ["Utils", "Util", "Helper", "Helpers", "Manager", "Extensions", "Common"];
        var bad = RepositoryFiles.Sources.Where(path =>
            forbidden.Any(word => Path.GetFileNameWithoutExtension(path).Split('.')[0].EndsWith(word, StringComparison.Ordinal)));
        Assert.Empty(bad);
    }

    /// <summary>eng/large-files.txt: one "path: reason" a line.</summary>
    [Fact]
    public void Large_files_are_on_the_list_with_a_reason()
    {
        var excused = File.ReadLines(RepositoryFiles.FullPath("eng/large-files.txt"))
            .Where(line => line.Length > 0 && line[0] != '#')
            .Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
            .ToDictionary(parts => parts[0], parts => parts.Length > 1 ? parts[1] : "");
        Assert.All(excused.Values, reason => Assert.True(reason.Length > 10, "a line of eng/large-files.txt needs a reason"));
        var large = RepositoryFiles.Sources.Where(path => File.ReadLines(RepositoryFiles.FullPath(path)).Count() > LineBudget).ToList();
        Assert.Empty(large.Except(excused.Keys));
        Assert.Empty(excused.Keys.Except(large)); // a line for a file that shrank or went away
    }

    [Fact]
    public void The_repository_stays_small() =>
        Assert.InRange(RepositoryFiles.All.Sum(path => new FileInfo(RepositoryFiles.FullPath(path)).Length), 0, ByteBudget);

    /// <summary>Paths of one developer's machine make a test pass there only. Published data is kept as published.</summary>
    [Fact]
    public void Nothing_points_outside_the_repository()
    {
        string[] banned = ["/wo" + "rk/", "/home" + "/", "/root" + "/", ".." + "/shared/"];
        var bad = from path in RepositoryFiles.Texts
                  where !(path.StartsWith("tests/fixtures/", StringComparison.Ordinal) || path.StartsWith("data/", StringComparison.Ordinal)) || path.EndsWith(".md", StringComparison.Ordinal) || path.EndsWith(".py", StringComparison.Ordinal)
                  from line in File.ReadLines(RepositoryFiles.FullPath(path)).Select((text, index) => (Text: text, Number: index + 1))
                  from word in banned
                  where line.Text.Contains(word, StringComparison.Ordinal)
                  select $"{path}:{line.Number}: {word}";
        Assert.Empty(bad);
    }

    [Fact]
    public void Every_project_has_a_lock_file_and_is_in_the_solution()
    {
        var solution = XDocument.Load(RepositoryFiles.FullPath("Sightline.slnx")).Descendants("Project").Select(element => element.Attribute("Path")!.Value).ToHashSet();
        var projects = RepositoryFiles.All.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal) && !path.StartsWith("tests/fixtures/", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(projects);
        Assert.All(projects, path => Assert.Contains(path, solution));
        Assert.All(projects, path => Assert.True(File.Exists(RepositoryFiles.FullPath(Path.GetDirectoryName(path)! + "/packages.lock.json")), $"{path} has no packages.lock.json"));
    }

    [Fact]
    public void No_package_source_is_prescribed() =>
        Assert.DoesNotContain(RepositoryFiles.All, path => Path.GetFileName(path).Equals("nuget.config", StringComparison.OrdinalIgnoreCase));

    /// <summary>Unfinished work belongs in the tracker, not in the code.</summary>
    [Fact]
    public void No_source_is_a_promise()
    {
        string[] banned = ["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Exception", "Skip" + " = "];
        var bad = from path in RepositoryFiles.Sources
                  from line in File.ReadLines(RepositoryFiles.FullPath(path)).Select((text, index) => (Text: text, Number: index + 1))
                  from word in banned
                  where line.Text.Contains(word, StringComparison.Ordinal)
                  select $"{path}:{line.Number}: {word}";
        Assert.Empty(bad);
    }

    [Fact]
    public void Scripts_run_as_they_are_checked_out()
    {
        foreach (var script in RepositoryFiles.All.Where(path => path.EndsWith(".sh", StringComparison.Ordinal) || path == ".ci/run"))
        {
            var text = File.ReadAllText(RepositoryFiles.FullPath(script));
            Assert.StartsWith("#!/usr/bin/env bash\n", text, StringComparison.Ordinal);
            Assert.DoesNotContain('\r', text);
            if (!OperatingSystem.IsWindows()) Assert.True(File.GetUnixFileMode(RepositoryFiles.FullPath(script)).HasFlag(UnixFileMode.UserExecute), $"{script} is not executable");
        }
    }
}
