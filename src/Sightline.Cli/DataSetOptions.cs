using System.CommandLine;
using Sightline.Training.Data;

namespace Sightline.Cli;

/// <summary>How a data set is opened; the same options in every command that reads one.</summary>
internal sealed class DataSetOptions
{
    private readonly Option<string?> _format = new("--format", "-f") { Description = $"Format of the data set: {string.Join(", ", FormatNames)}; default: found out", HelpName = "FORMAT" };
    private readonly Option<string?> _pictures = new("--pictures") { Description = "Folder with the pictures, when they lie elsewhere", HelpName = "FOLDER" };
    private readonly Option<string?> _split = new("--split") { Description = "Only this split of the data set", HelpName = "NAME" };

    public DataSetOptions(Command command)
    {
        _format.AcceptOnlyFromAmong(FormatNames);
        command.Add(_format);
        command.Add(_pictures);
        command.Add(_split);
    }

    /// <summary>All formats as the command line spells them.</summary>
    public static string[] FormatNames { get; } = [.. Enum.GetNames<DataFormat>().Select(name => name.ToLowerInvariant())];

    /// <summary>Those that can be written, too.</summary>
    public static string[] WritableNames { get; } = [.. Enum.GetValues<DataFormat>().Where(DataFormats.CanWrite).Select(format => format.ToString().ToLowerInvariant())];

    /// <summary>Opens a data set as the options say.</summary>
    public DataSet Open(ParseResult parsed, string path) => Part(parsed, path, DataSet.Open(path, Format(parsed), parsed.GetValue(_pictures)));

    /// <summary>As <see cref="Open"/>, for lint.</summary>
    public DataSet OpenBroken(ParseResult parsed, string path) => Part(parsed, path, DataSet.OpenBroken(path, Format(parsed), parsed.GetValue(_pictures)));

    private DataFormat? Format(ParseResult parsed) => parsed.GetValue(_format) is { } name ? DataFormats.Parse(name) : null;

    private DataSet Part(ParseResult parsed, string path, DataSet data)
    {
        if (parsed.GetValue(_split) is not { } split) return data;
        if (!data.Splits.Contains(split))
            throw new SightlineException(ErrorKind.BadData, $"{path} has no split '{split}'; it has {(data.Splits.Count == 0 ? "none" : string.Join(", ", data.Splits))}");
        return data.Where(split);
    }
}
