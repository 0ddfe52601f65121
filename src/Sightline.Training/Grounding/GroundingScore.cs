using System.Globalization;
using Sightline.Training.Evaluation;
using Sightline.Training.Runs;

namespace Sightline.Training.Grounding;

/// <summary>What a model does on one validation source.</summary>
public sealed record GroundingScore : IMeasurement
{
    /// <summary>The source.</summary>
    public required string Source { get; init; }

    /// <summary>The official box figures over class phrases; null for a source without classes.</summary>
    public DetectionScore? Detection { get; init; }

    /// <summary>Referring expressions; null where none was asked.</summary>
    public ReferringResult? Referring { get; init; }

    /// <summary>Whether "nothing here" is said at the right phrases; null where none was asked.</summary>
    public PresenceScore? Presence { get; init; }

    /// <summary>Share of expressions with one target whose best box has IoU of at least 0.5 with it; NaN without such expressions.</summary>
    public double Accuracy => Defined(Referring?.Boxes.AccuracyAt(0.5));

    /// <summary>Expressions counted in <see cref="Accuracy"/>.</summary>
    public int Expressions => Referring?.Phrases ?? 0;

    /// <summary>As <see cref="Accuracy"/>, for expressions that need the whole picture (position, order, relation).</summary>
    public double RelationalAccuracy => Defined(Referring?.RelationalAccuracy);

    /// <summary>Matthews correlation of "something is here"; NaN unless both present and absent phrases were asked.</summary>
    public double PresenceMcc =>
        Presence is { } said && said.TruePositives + said.FalseNegatives > 0 && said.FalsePositives + said.TrueNegatives > 0 ? said.MatthewsCorrelation : double.NaN;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, double> Values
    {
        get
        {
            var values = new Dictionary<string, double> { ["accuracy"] = Accuracy, ["relational_accuracy"] = RelationalAccuracy, ["presence_mcc"] = PresenceMcc };
            if (Detection is { } detection) (values["ap"], values["ap50"]) = (detection.Stats[0], detection.Stats[1]);
            return values;
        }
    }

    /// <inheritdoc/>
    public string Summary => string.Join(", ", new[]
    {
        Detection is { } detection ? $"AP50 {Figure(detection.Stats[1])}" : null,
        double.IsNaN(Accuracy) ? null : $"accuracy {Figure(Accuracy)}",
        double.IsNaN(RelationalAccuracy) ? null : $"of relations {Figure(RelationalAccuracy)}",
    }.Where(text => text is not null));

    private static string Figure(double value) => value < 0 || double.IsNaN(value) ? "-" : value.ToString("0.000", CultureInfo.InvariantCulture);

    private static double Defined(double? figure) => figure is { } value and >= 0 ? value : double.NaN;
}
