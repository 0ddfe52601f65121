using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sightline.Cli.Output;

/// <summary>Results for scripts: <c>--json</c> writes to stdout, <c>--json FILE</c> to a file (through a temporary name).</summary>
internal static class JsonOutput
{
    /// <summary>The value of <c>--json</c> that means stdout.</summary>
    public const string Stdout = "-";

    /// <summary>For JSON lines: apostrophes and letters outside ASCII stay readable.</summary>
    public static readonly JsonWriterOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly JsonWriterOptions Indented = OneLine with { Indented = true };

    /// <summary>Writes one JSON document.</summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void Write(Terminal terminal, string target, Action<Utf8JsonWriter> content)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Indented)) content(json);
        stream.WriteByte((byte)'\n');
        if (target == Stdout) terminal.Out.Write(System.Text.Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length));
        else OutputFile.WriteAndSay(terminal, target, stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }
}
