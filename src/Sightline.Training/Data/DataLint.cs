using System.Globalization;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>What lint looks at.</summary>
public sealed record LintOptions
{
    /// <summary>Read the pictures: sizes, damage, duplicates and leakage. False checks the annotations alone.</summary>
    public bool Pictures { get; init; } = true;

    /// <summary>
    /// Largest number of differing bits (of 256) between the fingerprints of two pictures that show nearly the same; 0 finds
    /// only copies. See <see cref="PictureFingerprint"/>.
    /// </summary>
    public int NearDuplicateBits { get; init; } = 12;

    /// <summary>How far out of its picture a box may reach, in pixels, without being reported.</summary>
    public double OutsideTolerance { get; init; } = 1;
}

/// <summary>Looks for what goes wrong in data sets: boxes, frames, classes, files, duplicates, leakage.</summary>
public static class DataLint
{
    /// <summary>All findings, errors first, in a fixed order.</summary>
    public static IReadOnlyList<LintFinding> Check(DataSet data, LintOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new LintOptions();
        var findings = new List<LintFinding>();
        findings.AddRange(data.Strays.Select(stray => new LintFinding(LintRule.StrayLabel, LintSeverity.Error, data.Name, stray)));
        var wrongFrame = CheckFrames(data, findings);
        foreach (var sample in data.Samples) CheckSample(data, sample, options, wrongFrame, findings);
        foreach (var group in data.Samples.GroupBy(s => s.Id).Where(g => g.Count() > 1))
            findings.Add(new(LintRule.DuplicateId, LintSeverity.Warning, group.Key, $"{group.Count()} samples have the id '{group.Key}'"));
        if (data.Problems is { } problems) ProblemLint.Check(problems, options.Pictures, findings);
        if (options.Pictures) PictureLint.Check(data, options, findings);
        return [.. findings.OrderByDescending(f => f.Severity).ThenBy(f => f.Rule)];
    }

    private static void CheckSample(DataSet data, DataSample sample, LintOptions options, bool wrongFrame, List<LintFinding> findings)
    {
        var seen = new HashSet<(string, Box)>();
        for (var i = 0; i < sample.Objects.Count; i++)
        {
            var o = sample.Objects[i];
            var what = $"object {i + 1} ('{o.Label}')";
            CheckBox(sample, o.Box, what, options, wrongFrame, findings);
            if (!seen.Add((o.Label, o.Box))) findings.Add(new(LintRule.DuplicateBox, LintSeverity.Warning, sample.Id, $"{what} {o.Box} stands twice"));
            if (data.Classes.Count > 0 && !data.Classes.Contains(o.Label))
                findings.Add(new(LintRule.UnknownClass, LintSeverity.Error, sample.Id, $"{what} is of a class that the data set does not list"));
        }

        foreach (var p in sample.Phrases)
        {
            if (string.IsNullOrWhiteSpace(p.Text)) findings.Add(new(LintRule.EmptyPhrase, LintSeverity.Error, sample.Id, "a phrase is empty"));
            else if (p.Boxes.Count == 0 && p.IsGrounded) findings.Add(new(LintRule.PhraseWithoutBoxes, LintSeverity.Note, sample.Id, $"the phrase '{p.Text}' has no boxes: it counts as meaning nothing here"));
            foreach (var box in p.Boxes) CheckBox(sample, box, $"the phrase '{p.Text}'", options, wrongFrame, findings);
        }
    }

    private static void CheckBox(DataSample sample, in Box box, string what, LintOptions options, bool wrongFrame, List<LintFinding> findings)
    {
        if (box.IsEmpty)
        {
            findings.Add(new(LintRule.EmptyBox, LintSeverity.Error, sample.Id, $"{what}: the box {box} has no area"));
            return;
        }

        if (wrongFrame || box.Frame.IsUnspecified) return; // one finding for the whole set says it better
        if (IsOutside(box, sample.Width, sample.Height, options.OutsideTolerance))
            findings.Add(new(LintRule.BoxOutside, LintSeverity.Error, sample.Id, $"{what}: the box {box} reaches out of its picture"));
    }

    /// <summary>Boxes that training cuts off at the edges of their pictures.</summary>
    internal static int CountOutside(DataSet data)
    {
        var tolerance = new LintOptions().OutsideTolerance;
        return data.Samples.Sum(sample => sample.Objects.Select(item => item.Box).Concat(sample.Phrases.SelectMany(phrase => phrase.Boxes))
            .Count(box => !box.Frame.IsUnspecified && !box.IsEmpty && IsOutside(box, sample.Width, sample.Height, tolerance)));
    }

    /// <summary>As <see cref="CountOutside(DataSet)"/>; pictures are not read.</summary>
    internal static int CountOutside(IEnumerable<Problem> problems) =>
        problems.Sum(problem => (problem.Boxes ?? []).Count(found => !found.Box.Frame.IsUnspecified && !found.Box.IsEmpty && IsOutside(found.Box, 0, 0, 0)));

    /// <summary>Whether a box reaches out by more than a tolerance in pixels, or by 0.2 % where the picture's size is not known.</summary>
    private static bool IsOutside(in Box box, int width, int height, double tolerance)
    {
        var (slackX, slackY) = width > 0 && height > 0 ? (tolerance * box.Frame.Width / width, tolerance * box.Frame.Height / height) : (0.002 * box.Frame.Width, 0.002 * box.Frame.Height);
        return box.X1 < -slackX || box.Y1 < -slackY || box.X2 > box.Frame.Width + slackX || box.Y2 > box.Frame.Height + slackY;
    }

    /// <summary>
    /// Judges the numbers of the whole set: values that all lie in 0..1 are not pixels; a set of differing or large pictures
    /// whose values all stay within 0..1000 and often pass the picture's edges speaks in thousandths; corners read as
    /// sizes (or sizes as corners) show as boxes of negative size or far outside.
    /// </summary>
    private static bool CheckFrames(DataSet data, List<LintFinding> findings)
    {
        var boxes = data.Samples.SelectMany(s => s.Objects.Select(o => (Sample: s, o.Box)).Concat(s.Phrases.SelectMany(p => p.Boxes.Select(b => (Sample: s, Box: b))))).Where(b => !b.Box.Frame.IsUnspecified && double.IsFinite(b.Box.X1 + b.Box.Y1 + b.Box.X2 + b.Box.Y2)).ToArray();
        var unit = boxes.Where(b => b.Box.Frame == CoordinateFrame.Unit).ToArray();
        var thousandths = boxes.Where(b => b.Box.Frame == CoordinateFrame.Thousandths).ToArray();
        var pixels = boxes.Where(b => b.Box.Frame != CoordinateFrame.Unit && b.Box.Frame != CoordinateFrame.Thousandths).ToArray();
        var found = false;
        if (pixels.Length >= 3 && pixels.All(b => InRange(b.Box, 1.001)))
            Report("are in pixels by their format, but every value lies in 0..1");
        else if (pixels.Length >= 3 && pixels.All(b => InRange(b.Box, 1000.5)) && LooksLikeThousandths(pixels))
            Report("are in pixels by their format, but they pass the pictures' edges and fill 0..1000 instead");
        if (unit.Length >= 3 && unit.Count(b => b.Box.X2 > 1.5 || b.Box.Y2 > 1.5) > unit.Length / 2)
            Report("are in 0..1 by their format, but most values are larger: they look like pixels or thousandths");
        if (thousandths.Length >= 3 && thousandths.All(b => InRange(b.Box, 1.001)))
            Report("are in 0..1000 by their format, but every value lies in 0..1");
        else if (thousandths.Length >= 3 && thousandths.Count(b => b.Box.X2 > 1020 || b.Box.Y2 > 1020) > thousandths.Length / 4)
            Report("are in 0..1000 by their format, but many values are larger: they look like pixels");
        else if (LooksLikePixels(thousandths))
            Report("are in 0..1000 by their format, but of pictures smaller than that none passes the edge, as if they were pixels");
        if (boxes.Length >= 5 && boxes.Count(b => b.Box.Width < 0 || b.Box.Height < 0) > boxes.Length / 4)
            Report("have swapped corners in more than a quarter of the cases: sizes were probably written where corners belong");
        if (boxes.Length >= 5 && !found && boxes.Count(b => LooksLikeCornersAsSize(b.Box)) > boxes.Length / 3)
            Report("reach out of their pictures so often that corners were probably written where sizes belong");
        return found;

        void Report(string what)
        {
            found = true;
            findings.Add(new(LintRule.WrongFrame, LintSeverity.Error, data.Name, $"the {boxes.Length.ToString(CultureInfo.InvariantCulture)} boxes {what}"));
        }
    }

    private static bool InRange(in Box b, double limit) => b.X1 >= -0.001 && b.Y1 >= -0.001 && b.X2 <= limit && b.Y2 <= limit;

    // in thousandths, positions do not know the picture's size: a good part lies beyond the edge of smaller pictures
    private static bool LooksLikeThousandths((DataSample Sample, Box Box)[] boxes)
    {
        var (smaller, beyond) = (0, 0);
        foreach (var (_, box) in boxes)
        {
            if (box.Frame.Width > 950 && box.Frame.Height > 950) continue;
            smaller++;
            if (box.X2 > box.Frame.Width * 1.02 || box.Y2 > box.Frame.Height * 1.02) beyond++;
        }

        return smaller >= 3 && beyond > smaller * 0.2;
    }

    // true thousandths know nothing of the picture's size: of twenty boxes in pictures of less than 800 pixels a side, some lie beyond that
    private static bool LooksLikePixels((DataSample Sample, Box Box)[] boxes)
    {
        var small = boxes.Where(b => b.Sample is { Width: > 0 and < 800, Height: > 0 and < 800 }).ToArray();
        return small.Length >= 20 && small.All(b => b.Box.X2 <= b.Sample.Width + 0.5 && b.Box.Y2 <= b.Sample.Height + 0.5);
    }

    // x, y, x2, y2 read as x, y, width, height: the far edge passes the picture although the "size" alone would fit
    private static bool LooksLikeCornersAsSize(in Box b) =>
        (b.X2 > b.Frame.Width * 1.02 || b.Y2 > b.Frame.Height * 1.02) && b.Width <= b.Frame.Width * 1.001 && b.Height <= b.Frame.Height * 1.001 && b.Width > b.X1 && b.Height > b.Y1;
}
