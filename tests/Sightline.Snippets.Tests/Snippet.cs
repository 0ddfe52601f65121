using System.Text;
using Sightline.Testing;

namespace Sightline.Snippets.Tests;

/// <summary>One ```csharp block of a page.</summary>
/// <param name="Page">Path of the page, relative to the repository.</param>
/// <param name="Line">Line of the first line of code.</param>
/// <param name="Code">The code.</param>
internal sealed record Snippet(string Page, int Line, string Code)
{
    /// <summary>The pages whose code a user copies.</summary>
    public static IEnumerable<string> Pages =>
        new[] { "README.md" }.Concat(Directory.GetFiles(Path.Combine(Fixtures.Root, "docs", "guide"), "*.md").Select(path => "docs/guide/" + Path.GetFileName(path)).Order(StringComparer.Ordinal));

    /// <summary>All blocks of a page.</summary>
    public static IReadOnlyList<Snippet> Of(string page)
    {
        var snippets = new List<Snippet>();
        StringBuilder? code = null;
        var (line, start) = (0, 0);
        foreach (var text in File.ReadLines(Path.Combine(Fixtures.Root, page)))
        {
            line++;
            if (code is null && text.Trim() == "```csharp") (code, start) = (new StringBuilder(), line + 1);
            else if (code is not null && text.Trim() == "```")
            {
                snippets.Add(new Snippet(page, start, code.ToString()));
                code = null;
            }
            else code?.Append(text).Append('\n');
        }

        return snippets;
    }

    /// <summary>
    /// The snippet as a compilable file: usings first, statements in an asynchronous method that has a cancellation token,
    /// type declarations after it. Errors name the page and its line.
    /// </summary>
    public string ToSource()
    {
        var lines = Code.Split('\n');
        var usings = lines.TakeWhile(text => text.Length == 0 || text.StartsWith("using ", StringComparison.Ordinal) && text.TrimEnd().EndsWith(';') && !text.Contains('=') && !text.Contains("var ", StringComparison.Ordinal)).Count();
        var body = lines.Skip(usings).ToList();
        var types = body.FindIndex(IsTypeDeclaration);
        var statements = types < 0 ? body : body[..types];
        return $$"""
            using System;
            using System.Collections.Generic;
            using System.IO;
            using System.Linq;
            using System.Threading;
            using System.Threading.Tasks;
            #line {{Line}} "{{Page}}"
            {{string.Join('\n', lines.Take(usings))}}
            internal static class Block
            {
                public static async Task RunAsync(CancellationToken cancellationToken)
                {
                    await Task.CompletedTask;
            #line {{Line + usings}} "{{Page}}"
            {{string.Join('\n', statements)}}
            #line hidden
                }
            }
            {{(types < 0 ? "" : $"#line {Line + usings + types} \"{Page}\"\n" + string.Join('\n', body.Skip(types)))}}
            """;
    }

    private static bool IsTypeDeclaration(string text) =>
        new[] { "public sealed class ", "public sealed record ", "internal sealed class ", "sealed class ", "class ", "record " }.Any(start => text.StartsWith(start, StringComparison.Ordinal));
}
