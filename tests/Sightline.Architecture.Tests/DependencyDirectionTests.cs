using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using Sightline.Testing;

namespace Sightline.Architecture.Tests;

/// <summary>References run one way: see docs/architecture.md.</summary>
public class DependencyDirectionTests
{
    /// <summary>What each project of src/ may reference. A new project needs a line here, and a place in docs/architecture.md.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Sightline.Tensors"] = [],
        ["Sightline.Tensors.LibTorch"] = ["Sightline.Tensors"],
        ["Sightline"] = ["Sightline.Tensors"],
        ["Sightline.Training"] = ["Sightline", "Sightline.Tensors"],
        ["Sightline.Server"] = ["Sightline", "Sightline.Tensors"],
        ["Sightline.Cli"] = ["Sightline.Training", "Sightline.Server", "Sightline", "Sightline.Tensors", "Sightline.Tensors.LibTorch"],
    };

    public static TheoryData<string> Projects => [.. Directory.GetDirectories(Path.Combine(Fixtures.Root, "src")).Select(folder => Path.GetFileName(folder)!)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_files_reference_only_what_lies_below(string project)
    {
        Assert.True(Allowed.ContainsKey(project), $"src/{project} is not in the table of this test");
        var references = ProjectFile(project).Descendants("ProjectReference")
            .Select(element => Path.GetFileNameWithoutExtension(element.Attribute("Include")!.Value.Replace('\\', '/')))
            .ToList();
        Assert.All(references, reference => Assert.Contains(reference, Allowed[project]));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Compiled_assemblies_reference_only_what_lies_below(string project)
    {
        var path = Path.Combine(AppContext.BaseDirectory, AssemblyName(project) + ".dll");
        Assert.True(File.Exists(path), $"{path} is missing: reference src/{project} from this test project");
        using var stream = File.OpenRead(path);
        using var image = new PEReader(stream);
        var metadata = image.GetMetadataReader();
        var references = metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name));
        var own = references.Where(name => name.StartsWith("Sightline", StringComparison.OrdinalIgnoreCase)).ToList();
        Assert.All(own, reference => Assert.Contains(reference, Allowed[project]));
    }

    [Fact]
    public void The_engine_has_no_package_references()
    {
        var packages = ProjectFile("Sightline.Tensors").Descendants("PackageReference").Select(element => element.Attribute("Include")?.Value);
        Assert.Empty(packages);
    }

    [Fact]
    public void The_table_itself_has_no_circle()
    {
        foreach (var project in Allowed.Keys) Assert.DoesNotContain(project, Reachable(project, []));
    }

    private static HashSet<string> Reachable(string project, HashSet<string> seen)
    {
        foreach (var next in Allowed[project])
        {
            if (seen.Add(next)) Reachable(next, seen);
        }

        return seen;
    }

    private static XDocument ProjectFile(string project) => XDocument.Load(Path.Combine(Fixtures.Root, "src", project, project + ".csproj"));

    private static string AssemblyName(string project) =>
        ProjectFile(project).Descendants("AssemblyName").FirstOrDefault()?.Value ?? project;
}
