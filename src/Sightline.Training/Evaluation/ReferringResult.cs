using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>What a model made of one phrase.</summary>
/// <param name="Picture">The picture's name.</param>
/// <param name="Phrase">What was asked.</param>
/// <param name="Truths">Boxes that it means; 0 says "nothing here".</param>
/// <param name="Relational">Whether its answer depends on the whole picture (position, order, relation).</param>
/// <param name="Presence">How sure the model is that anything fits, 0..1; of an answer that could not be read what makes it wrong.</param>
/// <param name="Iou">Of the best box with the truth; 0 without an answer, and for phrases with no box or several.</param>
/// <param name="IsPointed">Whether the centre of the best box lies in the truth; false as above.</param>
public sealed record ReferringAnswer(string Picture, string Phrase, int Truths, bool Relational, double Presence, double Iou, bool IsPointed);

/// <summary>
/// What a model does with phrases, from its answers. Phrases with one box count for accuracy and pointing, all for presence. Intervals draw
/// pictures, not phrases: the phrases of a picture stand or fall together.
/// </summary>
public sealed record ReferringResult
{
    /// <summary>The presence from which on a model says "something is here".</summary>
    public const double PresentFrom = 0.5;

    private readonly int[] _pictures;

    /// <summary>Scores answers.</summary>
    /// <param name="answers">In the order of asking.</param>
    /// <param name="bootstrap">For intervals; null for none.</param>
    public ReferringResult(IReadOnlyList<ReferringAnswer> answers, BootstrapOptions? bootstrap = null)
    {
        ArgumentNullException.ThrowIfNull(answers);
        Answers = answers;
        _pictures = Number(answers);
        var single = Single;
        var ious = single.Select(i => answers[i].Iou).ToArray();
        Boxes = ReferringEvaluator.Score(ious, bootstrap: bootstrap, groups: Pictures(single));
        Presence = PresenceScore.Of([.. answers.Select(IsSaid)], [.. answers.Select(answer => answer.Truths > 0)], bootstrap, _pictures);
        Pointing = single.Length == 0 ? -1 : single.Average(i => answers[i].IsPointed ? 1.0 : 0);
        RelationalAccuracy = ReferringEvaluator.Accuracy([.. single.Where(i => answers[i].Relational).Select(i => answers[i].Iou)], 0.5);
    }

    /// <summary>One entry a phrase.</summary>
    public IReadOnlyList<ReferringAnswer> Answers { get; }

    /// <summary>Accuracy at several IoUs, over phrases with one box.</summary>
    public ReferringScore Boxes { get; }

    /// <summary>Whether "nothing here" is said at the right phrases, over all of them.</summary>
    public PresenceScore Presence { get; }

    /// <summary>Share of phrases with one box whose answer's centre lies in it; -1 for none.</summary>
    public double Pointing { get; }

    /// <summary>Accuracy at IoU 0.5 over those phrases with one box whose answer depends on the whole picture; -1 for none.</summary>
    public double RelationalAccuracy { get; }

    /// <summary>Phrases with one box.</summary>
    public int Phrases => Boxes.Ious.Count;

    /// <summary>Phrases asked in one pass. Answers depend a little on what is asked together.</summary>
    public int Together { get; init; } = 1;

    /// <summary>How the answers could be read.</summary>
    public AnswerTally Spoken { get; init; } = new();

    /// <summary>Share of phrases with one box whose IoU is above 0.5 (not at it), as VLM-R1 counts; -1 for none.</summary>
    public double PublishedAccuracy => ReferringEvaluator.Accuracy([.. Boxes.Ious], 0.5, strict: true);

    private int[] Single => [.. Enumerable.Range(0, Answers.Count).Where(i => Answers[i].Truths == 1)];

    /// <summary>Whether another run differs, on the same phrases of the same pictures: this run is A.</summary>
    /// <param name="other">The answers of the other run.</param>
    /// <param name="bootstrap">Draws and seed; 1000 when null.</param>
    /// <exception cref="SightlineException">BadData: it answered other phrases.</exception>
    public IReadOnlyList<PairedComparison> Compare(IReadOnlyList<ReferringAnswer> other, BootstrapOptions? bootstrap = null)
    {
        ArgumentNullException.ThrowIfNull(other);
        for (var i = 0; i < Math.Max(other.Count, Answers.Count); i++)
        {
            var (own, its) = (i < Answers.Count ? Answers[i] : null, i < other.Count ? other[i] : null);
            if ((own?.Picture, own?.Phrase, own?.Truths) != (its?.Picture, its?.Phrase, its?.Truths))
                throw new SightlineException(ErrorKind.BadData, $"the two runs answered different phrases: number {i + 1} is {Describe(own)} here and {Describe(its)} there; measure both on the same data, with the same --expressions and --seed");
        }

        var single = Single;
        var groups = Pictures(single);
        var (a, b) = (Ious(Answers), Ious(other));
        var comparisons = ReferringEvaluator.DefaultThresholds
            .Select(t => Bootstrap.Compare(FormattableString.Invariant($"accuracy at IoU {t}"), ReferringEvaluator.Hits(a, t), ReferringEvaluator.Hits(b, t), bootstrap, groups)).ToList();
        comparisons.Add(Bootstrap.Compare("mean IoU", a, b, bootstrap, groups));
        comparisons.Add(Bootstrap.Compare("pointing", Pointed(Answers), Pointed(other), bootstrap, groups));
        comparisons.Add(Bootstrap.Compare("presence, share right", Right(Answers), Right(other), bootstrap, _pictures));
        return comparisons;

        double[] Ious(IReadOnlyList<ReferringAnswer> answers) => [.. single.Select(i => answers[i].Iou)];
        double[] Pointed(IReadOnlyList<ReferringAnswer> answers) => [.. single.Select(i => answers[i].IsPointed ? 1.0 : 0)];
        double[] Right(IReadOnlyList<ReferringAnswer> answers) => [.. answers.Select(answer => IsSaid(answer) == answer.Truths > 0 ? 1.0 : 0)];
    }

    /// <summary>Writes the figures, the answers they come from, and a comparison as one JSON object.</summary>
    public void WriteJson(Utf8JsonWriter writer, ScoreProvenance? provenance = null, IReadOnlyList<PairedComparison>? against = null, RunSpread? spread = null)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        writer.WritePropertyName("boxes");
        Boxes.WriteJson(writer);
        writer.WriteNumber("relational_accuracy", RelationalAccuracy);
        writer.WriteNumber("pointing", Pointing);
        writer.WriteStartObject("presence");
        writer.WriteNumber("true_positives", Presence.TruePositives);
        writer.WriteNumber("false_positives", Presence.FalsePositives);
        writer.WriteNumber("true_negatives", Presence.TrueNegatives);
        writer.WriteNumber("false_negatives", Presence.FalseNegatives);
        writer.WriteNumber("mcc", Presence.MatthewsCorrelation);
        if (Presence.Interval is { } interval) JsonInterval.Write(writer, "mcc_interval", interval);
        writer.WriteEndObject();
        writer.WriteNumber("phrases_with_one_box", Phrases);
        writer.WriteNumber("phrases", Answers.Count);
        writer.WriteNumber("phrases_together", Together);
        writer.WriteNumber("published_accuracy", PublishedAccuracy);
        Spoken.WriteJson(writer);
        spread?.WriteJson(writer);
        if (against is not null) PairedComparison.WriteJson(writer, against);
        ReferringAnswers.WriteJson(writer, Answers);
        provenance?.WriteJson(writer);
        writer.WriteEndObject();
    }

    private static bool IsSaid(ReferringAnswer answer) => answer.Presence >= PresentFrom;

    private static string Describe(ReferringAnswer? answer) => answer is null ? "missing" : $"'{answer.Phrase}' of {answer.Picture} ({answer.Truths} boxes)";

    private int[] Pictures(int[] samples) => [.. samples.Select(i => _pictures[i])];

    private static int[] Number(IReadOnlyList<ReferringAnswer> answers)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        return [.. answers.Select(answer => numbers.TryGetValue(answer.Picture, out var number) ? number : numbers[answer.Picture] = numbers.Count)];
    }
}
