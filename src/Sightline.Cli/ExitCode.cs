using System.Globalization;

namespace Sightline.Cli;

/// <summary>What the process ends with; docs/guide/exit-codes.md is the list for users.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>128 + SIGINT, as shells count.</summary>
    public const int Interrupted = 130;

    /// <summary>The class of any exception that reaches the top.</summary>
    public static ErrorKind KindOf(Exception error) => error switch
    {
        SightlineException known => known.Kind,
        OutOfMemoryException => ErrorKind.OutOfMemory,
        FileNotFoundException or DirectoryNotFoundException => ErrorKind.NotFound,
        DllNotFoundException => ErrorKind.MissingLibrary,
        UnauthorizedAccessException or IOException => ErrorKind.CannotWrite,
        _ => ErrorKind.Internal,
    };

    /// <summary>One sentence for stderr.</summary>
    public static string Sentence(Exception error) => KindOf(error) switch
    {
        ErrorKind.Internal => string.Create(CultureInfo.InvariantCulture, $"internal error ({error.GetType().Name}): {OneLine(error.Message)}; --verbose shows where"),
        ErrorKind.OutOfMemory when error is OutOfMemoryException => "not enough memory for what was asked; use a smaller picture, model or batch",
        // files come with their name (SightlineException); what is left is stdout
        ErrorKind.CannotWrite when error.GetType() == typeof(IOException) => $"the output cannot be written: {OneLine(error.Message)}",
        _ => OneLine(error.Message),
    };

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}
