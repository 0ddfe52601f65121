using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Training.Data;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline data inspect</c>: a data set in numbers, and a page of samples with their boxes.</summary>
internal sealed class DataInspectCommand : ToolCommand
{
    private readonly Argument<string> _path = new("PATH") { Description = "Annotation file or folder of a data set" };
    private readonly DataSetOptions _open;
    private readonly Option<string?> _html = new("--html") { Description = "Write one HTML page with samples and their boxes", HelpName = "FILE" };
    private readonly Option<int> _count = new("--count") { Description = "Samples on the page", HelpName = "N", DefaultValueFactory = _ => 24 };
    private readonly Option<string?> _json = JsonOption("the numbers");

    public DataInspectCommand()
        : base(
            "inspect",
            "A data set in numbers, and a page of samples with their boxes",
            "sightline data inspect annotations.json --pictures photos",
            "sightline data inspect pascal-folder --html samples.html --count 48")
    {
        Add(_path);
        _open = new DataSetOptions(this);
        Add(_html);
        Add(WithRange(_count, 1, 10_000));
        RequireJsonFile(_json);
        Add(_json);
        SetAction(parsed => Run(_open.Open(parsed, parsed.GetRequiredValue(_path)), new Settings(parsed.GetValue(_html), parsed.GetValue(_count), JsonTarget(parsed, _json))));
    }

    private sealed record Settings(string? Html, int Count, string? Json);

    private int Run(DataSet data, Settings settings)
    {
        var summary = DataInspector.Inspect(data);
        if (settings.Html is { } page) DataInspector.WriteHtml(data, page, settings.Count);
        if (settings.Json is { } target) WriteJson(target, summary);
        if (settings.Json != JsonOutput.Stdout) WriteTables(summary, settings.Html);
        return ExitCode.Success;
    }

    private void WriteTables(DataSummary summary, string? page)
    {
        string[] absent = summary.Classes.Any(row => row.Absent > 0) ? [">known not to be in"] : [];
        Terminal.Table(
            ["class", ">boxes", ">pictures", ">median share of the picture", .. absent],
            summary.Classes.Select(row => (string[])[row.Label, Text(row.Boxes), Text(row.Pictures), string.Create(CultureInfo.InvariantCulture, $"{row.MedianArea * 100:0.00} %"), .. absent.Select(_ => Text(row.Absent))]));
        if (summary.Splits.Count > 1) Terminal.Line("splits: " + string.Join(", ", summary.Splits.Select(split => $"{split.Split} {Text(split.Pictures)}")));
        Terminal.Line("sizes: " + string.Join(", ", summary.Sizes.Take(5).Select(size => $"{Text(size.Width)}x{Text(size.Height)} ({Text(size.Pictures)})")) + (summary.Sizes.Count > 5 ? ", ..." : ""));
        Terminal.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{summary.Name} ({summary.Format.ToString().ToLowerInvariant()}): {summary.Pictures} pictures, {summary.EmptyPictures} without boxes, {summary.MissingPictures} files missing; {summary.Boxes} boxes; {summary.Phrases} phrases, {summary.PhrasesWithoutBoxes} that match nothing{(summary.Problems > 0 ? string.Create(CultureInfo.InvariantCulture, $"; {summary.Problems} problems, {summary.ProblemsWithoutBoxes} about what is not there") : "")}"));
        foreach (var note in summary.Notes) Terminal.Hint($"note: {note}");
        if (page is not null) Terminal.Line($"page: {page}");
    }

    private void WriteJson(string target, DataSummary summary) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        json.WriteString("name", summary.Name);
        json.WriteString("format", summary.Format.ToString().ToLowerInvariant());
        json.WriteNumber("pictures", summary.Pictures);
        json.WriteNumber("missing_pictures", summary.MissingPictures);
        json.WriteNumber("empty_pictures", summary.EmptyPictures);
        json.WriteNumber("boxes", summary.Boxes);
        json.WriteNumber("phrases", summary.Phrases);
        json.WriteNumber("phrases_without_boxes", summary.PhrasesWithoutBoxes);
        if (summary.Problems > 0)
        {
            json.WriteNumber("problems", summary.Problems);
            json.WriteNumber("problems_without_boxes", summary.ProblemsWithoutBoxes);
        }

        json.WriteStartArray("classes");
        foreach (var row in summary.Classes)
        {
            json.WriteStartObject();
            json.WriteString("name", row.Label);
            json.WriteNumber("boxes", row.Boxes);
            json.WriteNumber("pictures", row.Pictures);
            json.WriteNumber("median_area", row.MedianArea);
            json.WriteNumber("absent", row.Absent);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("splits");
        foreach (var (split, pictures) in summary.Splits) json.WriteNumber(split, pictures);
        json.WriteEndObject();
        json.WriteStartArray("notes");
        foreach (var note in summary.Notes) json.WriteStringValue(note);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
