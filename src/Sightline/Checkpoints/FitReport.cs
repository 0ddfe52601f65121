using System.Globalization;
using System.Text;

namespace Sightline.Checkpoints;

/// <summary>How well a checkpoint fits a model's parameters. <see cref="ToString"/> is a table for people.</summary>
/// <param name="Source">The checkpoint's path.</param>
/// <param name="Matched">Number of parameters that were found with the right shape.</param>
/// <param name="Missing">Parameters of the model that the checkpoint lacks.</param>
/// <param name="Unused">Tensors of the checkpoint that the model has no use for.</param>
/// <param name="WrongShape">Parameters whose shapes differ.</param>
/// <param name="NonFinite">Tensors with NaN or infinite elements (only when asked for).</param>
public sealed record FitReport(
    string Source,
    int Matched,
    IReadOnlyList<FitProblem> Missing,
    IReadOnlyList<FitProblem> Unused,
    IReadOnlyList<FitProblem> WrongShape,
    IReadOnlyList<FitProblem> NonFinite)
{
    private const int RowsShown = 12;

    /// <summary>Every parameter is there, in its shape, and finite. Unused tensors are allowed.</summary>
    public bool IsUsable => Missing.Count == 0 && WrongShape.Count == 0 && NonFinite.Count == 0;

    /// <summary>As <see cref="IsUsable"/>, and nothing is left over.</summary>
    public bool IsExact => IsUsable && Unused.Count == 0;

    /// <summary>Ends with the first problems in the message unless <see cref="IsUsable"/>.</summary>
    /// <exception cref="SightlineException">BadModel.</exception>
    public void ThrowIfUnusable()
    {
        if (IsUsable) return;
        var parts = new List<string>(3);
        if (Missing.Count > 0) parts.Add($"{Missing.Count} parameters are missing (first {Missing[0].Name})");
        if (WrongShape.Count > 0) parts.Add($"{WrongShape.Count} have another shape (first {WrongShape[0].Name}: {WrongShape[0].Detail})");
        if (NonFinite.Count > 0) parts.Add($"{NonFinite.Count} hold NaN or infinity (first {NonFinite[0].Name})");
        throw new SightlineException(ErrorKind.BadModel, $"{Source} does not fit the model: {string.Join("; ", parts)}; check that weights and config.json belong together.");
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Source}: {Matched} matched, {Missing.Count} missing, {WrongShape.Count} of another shape, {NonFinite.Count} not finite, {Unused.Count} unused");
        AppendRows(text, "missing", Missing);
        AppendRows(text, "shape", WrongShape);
        AppendRows(text, "not finite", NonFinite);
        AppendRows(text, "unused", Unused);
        return text.ToString().TrimEnd();
    }

    private static void AppendRows(StringBuilder text, string kind, IReadOnlyList<FitProblem> rows)
    {
        var width = rows.Take(RowsShown).Select(row => row.Name.Length).DefaultIfEmpty().Max();
        foreach (var row in rows.Take(RowsShown)) text.AppendLine($"  {kind,-10}  {row.Name.PadRight(width)}  {row.Detail}");
        if (rows.Count > RowsShown) text.AppendLine(CultureInfo.InvariantCulture, $"  {kind,-10}  ... and {rows.Count - RowsShown} more");
    }
}

/// <summary>One line of a <see cref="FitReport"/>.</summary>
/// <param name="Name">The parameter.</param>
/// <param name="Detail">Shapes or counts.</param>
public sealed record FitProblem(string Name, string Detail);
