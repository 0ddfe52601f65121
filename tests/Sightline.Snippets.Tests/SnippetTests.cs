using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Sightline.Snippets.Tests;

/// <summary>Every C# block of the README and the guide compiles against the libraries as they are.</summary>
public class SnippetTests
{
    private static readonly IReadOnlyList<MetadataReference> References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path)),
    ];

    public static TheoryData<string> Pages => [.. Snippet.Pages.Where(page => Snippet.Of(page).Count > 0)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void All_blocks_of_a_page_compile(string page)
    {
        var errors = Snippet.Of(page).SelectMany(Errors).ToList();
        Assert.True(errors.Count == 0, string.Join('\n', errors));
    }

    [Fact]
    public void A_wrong_block_is_found_on_its_line()
    {
        var error = Assert.Single(Errors(new Snippet("page.md", 7, "using Sightline.Imaging;\n\nvar picture = Picture.Lode(\"a.jpg\");\n")));
        Assert.StartsWith("page.md(9,", error);
    }

    [Fact]
    public void The_readme_has_code() => Assert.NotEmpty(Snippet.Of("README.md"));

    private static IEnumerable<string> Errors(Snippet snippet)
    {
        var options = new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable);
        var tree = CSharpSyntaxTree.ParseText(snippet.ToSource(), new CSharpParseOptions(LanguageVersion.Latest));
        return CSharpCompilation.Create("Snippet", [tree], References, options)
            .GetDiagnostics()
            .Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)
            .Select(diagnostic =>
            {
                var place = diagnostic.Location.GetMappedLineSpan();
                return FormattableString.Invariant($"{place.Path}({place.StartLinePosition.Line + 1},{place.StartLinePosition.Character + 1}): {diagnostic.GetMessage(null)}");
            });
    }
}
