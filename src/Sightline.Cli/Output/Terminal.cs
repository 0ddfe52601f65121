using Spectre.Console;

namespace Sightline.Cli.Output;

/// <summary>
/// Where a command writes: results to <see cref="Out"/>, everything else (progress, hints, errors) to
/// <see cref="Error"/>, so that a pipe receives results only. Tables are made on first use; a command without one does not
/// pay for the library.
/// </summary>
internal sealed class Terminal(TextWriter output, TextWriter error, bool isInteractive)
{
    private const int WidthOfFiles = 120;

    /// <summary>Results.</summary>
    public TextWriter Out { get; } = output;

    /// <summary>Progress, hints and errors.</summary>
    public TextWriter Error { get; } = error;

    /// <summary>True when a person watches <see cref="Error"/>: progress bars are drawn and moved.</summary>
    public bool IsInteractive { get; } = isInteractive;

    /// <summary>The command line of this run, as a shell takes it.</summary>
    public string CommandLine { get; set; } = "sightline";

    /// <summary>Whether errors come with their stack trace.</summary>
    public bool Verbose { get; set; }

    /// <summary>The real thing.</summary>
    public static Terminal OfProcess() => new(Console.Out, Console.Error, !Console.IsErrorRedirected);

    /// <summary>A line of results.</summary>
    public void Line(string text = "") => Out.WriteLine(text);

    /// <summary>A line beside the results.</summary>
    public void Hint(string text) => Error.WriteLine(text);

    /// <summary>A table of results. A column whose title starts with '>' is right-aligned; cells are plain text, each on one line.</summary>
    public void Table(ReadOnlySpan<string> columns, IEnumerable<string[]> rows)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (var column in columns)
        {
            var isNumber = column.StartsWith('>');
            table.AddColumn(new TableColumn(Markup.Escape(isNumber ? column[1..] : column)) { Alignment = isNumber ? Justify.Right : Justify.Left, NoWrap = isNumber });
        }

        foreach (var row in rows) table.AddRow(row.Select(cell => new Spectre.Console.Text(cell.ReplaceLineEndings(" "))));
        if (ReferenceEquals(Out, Console.Out) && !Console.IsOutputRedirected)
        {
            Ansi(Out, person: true).Write(table);
            return;
        }

        using var text = new StringWriter();
        Ansi(text, person: false).Write(table);
        foreach (var line in text.ToString().Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0)) Out.WriteLine(line);
    }

    /// <summary>A console for progress, on stderr.</summary>
    public IAnsiConsole ProgressConsole() => Ansi(Error, IsInteractive);

    private static IAnsiConsole Ansi(TextWriter writer, bool person)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = person ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = person ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = person ? InteractionSupport.Detect : InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        if (!person) console.Profile.Width = WidthOfFiles;
        console.Profile.Capabilities.Unicode = true;
        return console;
    }
}
