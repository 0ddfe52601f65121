using Sightline.Testing;

namespace Sightline.Cli.Tests;

public class ExitCodeTests
{
    [Theory]
    [InlineData("nonsense", "'nonsense' is no command or option here")]
    [InlineData("doctor --nonsense", "'--nonsense' is no command or option here")]
    [InlineData("inspect", "Required command was not provided")]
    [InlineData("inspect tokens", "give either TEXT or --input FILE")]
    public async Task Wrong_usage_is_one_sentence_and_2(string line, string sentence)
    {
        var run = await CommandLineRun.Of(line.Split(' '));
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith($"error: {sentence}", run.Sentence);
        Assert.EndsWith("--help", run.Sentence);
        Assert.Equal("", run.Out);
    }

    [Fact]
    public async Task A_missing_model_folder_is_named()
    {
        var run = await CommandLineRun.Of("inspect", "tokens", "--model", "no/such/folder", "a dog");
        Assert.Equal((int)ErrorKind.NotFound, run.ExitCode);
        Assert.Equal("error: there is no model folder no/such/folder", run.Sentence);
    }

    [Fact]
    public void A_full_disk_behind_stdout_is_named() =>
        Assert.Equal("the output cannot be written: No space left on device", ExitCode.Sentence(new IOException("No space left on device")));

    [Fact]
    public async Task Verbose_shows_the_stack()
    {
        var run = await CommandLineRun.Of("inspect", "tokens", "--model", "no/such/folder", "a dog", "--verbose");
        Assert.Equal((int)ErrorKind.NotFound, run.ExitCode);
        Assert.Contains("   at Sightline.", run.Error);
    }

    [Fact]
    public void Every_kind_of_error_has_its_own_documented_number()
    {
        var page = File.ReadAllText(Path.Combine(Fixtures.Root, "docs", "guide", "exit-codes.md"));
        Assert.Equal(Enum.GetValues<ErrorKind>().Length, Enum.GetValues<ErrorKind>().Distinct().Count());
        Assert.All(Enum.GetValues<ErrorKind>(), kind => Assert.Contains($"| {(int)kind} | {kind} |", page));
        Assert.Contains($"| {ExitCode.Interrupted} |", page);
    }

    [Theory]
    [InlineData(typeof(OutOfMemoryException), ErrorKind.OutOfMemory)]
    [InlineData(typeof(FileNotFoundException), ErrorKind.NotFound)]
    [InlineData(typeof(DirectoryNotFoundException), ErrorKind.NotFound)]
    [InlineData(typeof(UnauthorizedAccessException), ErrorKind.CannotWrite)]
    [InlineData(typeof(IOException), ErrorKind.CannotWrite)]
    [InlineData(typeof(DllNotFoundException), ErrorKind.MissingLibrary)]
    [InlineData(typeof(InvalidOperationException), ErrorKind.Internal)]
    public void Foreign_exceptions_have_a_class(Type type, ErrorKind kind)
    {
        var error = (Exception)Activator.CreateInstance(type)!;
        Assert.Equal(kind, ExitCode.KindOf(error));
        Assert.DoesNotContain('\n', ExitCode.Sentence(error));
    }
}
