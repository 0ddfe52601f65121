using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Sightline.Cli.Output;
using Sightline.Training.Data;

namespace Sightline.Cli.Commands;

/// <summary>
/// <c>sightline data lint</c>: what is wrong with a data set. Several paths are taken as the splits of one set, so that
/// pictures that are in two of them are found.
/// </summary>
internal sealed class DataLintCommand : ToolCommand
{
    private readonly Argument<string[]> _paths = new("PATH") { Description = "Data set; several are taken as splits of one (leakage between them is an error)", Arity = ArgumentArity.OneOrMore };
    private readonly DataSetOptions _open;
    private readonly Option<bool> _noPictures = new("--no-pictures") { Description = "Check the annotations alone: fast, but no duplicates, leakage, damage" };
    private readonly Option<bool> _strict = new("--strict") { Description = "Fail on warnings, too" };
    private readonly Option<int> _most = new("--most") { Description = "Most findings to print", HelpName = "N", DefaultValueFactory = _ => 100 };
    private readonly Option<string?> _json = JsonOption("the findings");

    public DataLintCommand()
        : base(
            "lint",
            "Find bad boxes, wrong frames, duplicate pictures, leakage between splits",
            "sightline data lint pascal-folder",
            "sightline data lint train.json val.json --pictures photos --strict --json findings.json")
    {
        Add(_paths);
        _open = new DataSetOptions(this);
        Add(_noPictures);
        Add(_strict);
        Add(WithRange(_most, 0, int.MaxValue));
        RequireJsonFile(_json);
        Add(_json);
        SetAction(parsed =>
        {
            var sets = parsed.GetRequiredValue(_paths).Select(path => _open.OpenBroken(parsed, path)).ToList();
            return Run(sets, new Settings(!parsed.GetValue(_noPictures), parsed.GetValue(_strict), parsed.GetValue(_most), JsonTarget(parsed, _json)));
        });
    }

    private sealed record Settings(bool Pictures, bool Strict, int Most, string? Json);

    private int Run(List<DataSet> sets, Settings settings)
    {
        var findings = DataLint.Check(Join(sets), new LintOptions { Pictures = settings.Pictures });
        if (settings.Json is { } target) WriteJson(target, findings);
        if (settings.Json != JsonOutput.Stdout) WriteTable(findings, settings.Most);
        var errors = findings.Count(finding => finding.Severity == LintSeverity.Error);
        var warnings = findings.Count(finding => finding.Severity == LintSeverity.Warning);
        if (errors == 0 && (warnings == 0 || !settings.Strict)) return ExitCode.Success;
        throw new SightlineException(ErrorKind.CheckFailed, string.Create(CultureInfo.InvariantCulture, $"the data set does not hold: {Counted(errors, "error")}, {Counted(warnings, "warning")}"));
    }

    private static string Counted(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");

    /// <summary>One set whose splits are the given sets; pictures by full path, since their folders differ.</summary>
    private static DataSet Join(List<DataSet> sets) => sets is [var only] ? only : sets[0] with
    {
        Name = string.Join(" + ", sets.Select(set => set.Name)),
        Classes = [.. sets.SelectMany(set => set.Classes).Distinct()],
        Notes = [.. sets.SelectMany(set => set.Notes)],
        Strays = [.. sets.SelectMany(set => set.Strays.Select(stray => $"{set.Name}: {stray}"))],
        Problems = sets.TrueForAll(set => set.Problems is null) ? null : [.. sets.SelectMany(set => (set.Problems ?? []).Select(problem => problem with { Id = $"{set.Name}/{problem.Id}" }))],
        Samples = [.. sets.SelectMany((set, number) => set.Samples.Select(sample => sample with
        {
            Id = $"{set.Name}/{sample.Id}",
            PictureFile = Path.GetFullPath(Path.Combine(set.PictureFolder, sample.PictureFile)),
            Split = string.Create(CultureInfo.InvariantCulture, $"{number + 1}:{set.Name}"),
        }))],
    };

    private void WriteTable(IReadOnlyList<LintFinding> findings, int most)
    {
        if (findings.Count == 0)
        {
            Terminal.Line("nothing to complain about");
            return;
        }

        Terminal.Table(["", "rule", "where", "what"], findings.Take(most).Select(finding => new[] { Severity(finding), Rule(finding), finding.Where, finding.Message }));
        if (findings.Count > most) Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"and {findings.Count - most} more (--most {findings.Count} shows all)"));
        foreach (var group in findings.GroupBy(Rule).OrderByDescending(group => group.Count()))
            Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{group.Count(),6} {group.Key}"));
    }

    private void WriteJson(string target, IReadOnlyList<LintFinding> findings) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartArray();
        foreach (var finding in findings)
        {
            json.WriteStartObject();
            json.WriteString("severity", Severity(finding));
            json.WriteString("rule", Rule(finding));
            json.WriteString("where", finding.Where);
            json.WriteString("message", finding.Message);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private static string Severity(LintFinding finding) => finding.Severity.ToString().ToLowerInvariant();

    private static string Rule(LintFinding finding) => JsonNamingPolicy.KebabCaseLower.ConvertName(finding.Rule.ToString());
}
