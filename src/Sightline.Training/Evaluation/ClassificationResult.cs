using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>One picture, named by a model.</summary>
/// <param name="Picture">The picture.</param>
/// <param name="Truth">Its class.</param>
/// <param name="Said">What the model named; empty where nothing was understood.</param>
/// <param name="IsRead">Whether a name was understood.</param>
/// <param name="IsRight">Whether it is the class's whole name or one of its synonyms, apart from case, spaces, hyphens and underscores.</param>
/// <param name="IsRightAsPublished">Whether one of the two names is a part of the other, as Visual-RFT counts.</param>
public sealed record ClassificationAnswer(string Picture, string Truth, string Said, bool IsRead, bool IsRight, bool IsRightAsPublished);

/// <summary>How well pictures are named.</summary>
public sealed class ClassificationResult
{
    private readonly BootstrapOptions? _bootstrap;

    /// <summary>Scores answers.</summary>
    public ClassificationResult(IReadOnlyList<ClassificationAnswer> answers, BootstrapOptions? bootstrap = null)
    {
        ArgumentNullException.ThrowIfNull(answers);
        (Answers, _bootstrap) = (answers, bootstrap);
    }

    /// <summary>One entry a picture.</summary>
    public IReadOnlyList<ClassificationAnswer> Answers { get; }

    /// <summary>How the answers could be read.</summary>
    public AnswerTally Spoken { get; init; } = new();

    /// <summary>Accuracy officially: whole names, answers that cannot be read are wrong; and the mean of the classes' accuracies.</summary>
    public IReadOnlyList<(string Name, double Value, Interval? Interval)> Official => Figures(answer => answer.IsRight);

    /// <summary>Accuracy as Visual-RFT publishes it: parts of names count.</summary>
    public IReadOnlyList<(string Name, double Value, Interval? Interval)> Published => Figures(answer => answer.IsRightAsPublished);

    /// <summary>The wrong names that were said most often: truth, said, how often.</summary>
    public IReadOnlyList<(string Truth, string Said, int Count)> Confusions =>
        [.. Answers.Where(answer => !answer.IsRight).GroupBy(answer => (answer.Truth, answer.Said)).OrderByDescending(group => group.Count()).ThenBy(group => group.Key.Truth, StringComparer.Ordinal).Select(group => (group.Key.Truth, group.Key.Said, group.Count()))];

    /// <summary>Whether another run differs on the same pictures, counted officially: this run is A.</summary>
    /// <exception cref="SightlineException">BadData: it named other pictures.</exception>
    public IReadOnlyList<PairedComparison> Compare(IReadOnlyList<ClassificationAnswer> other, BootstrapOptions? bootstrap = null)
    {
        ArgumentNullException.ThrowIfNull(other);
        PairedAnswers.RequireSame([.. Answers.Select(answer => (answer.Picture, answer.Truth))], [.. other.Select(answer => (answer.Picture, answer.Truth))]);
        return [Bootstrap.Compare("accuracy", Values(Answers, answer => answer.IsRight), Values(other, answer => answer.IsRight), bootstrap)];
    }

    /// <summary>Writes the result as one JSON object.</summary>
    public void WriteJson(Utf8JsonWriter writer, ScoreProvenance? provenance = null, IReadOnlyList<PairedComparison>? against = null, RunSpread? spread = null)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        writer.WriteString("metric", "classification");
        writer.WriteNumber("pictures", Answers.Count);
        foreach (var (name, figures) in new[] { ("official", Official), ("published", Published) })
        {
            writer.WriteStartObject(name);
            FigureJson.Write(writer, figures);
            writer.WriteEndObject();
        }

        Spoken.WriteJson(writer);
        spread?.WriteJson(writer);
        if (against is not null) PairedComparison.WriteJson(writer, against);
        provenance?.WriteJson(writer);
        writer.WriteStartArray("answers");
        foreach (var answer in Answers)
        {
            writer.WriteStartObject();
            writer.WriteString("picture", answer.Picture);
            writer.WriteString("truth", answer.Truth);
            writer.WriteString("said", answer.Said);
            writer.WriteBoolean("read", answer.IsRead);
            writer.WriteBoolean("right", answer.IsRight);
            writer.WriteBoolean("right_as_published", answer.IsRightAsPublished);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>Reads the answers of a file that <see cref="WriteJson"/> wrote.</summary>
    /// <exception cref="SightlineException">NotFound or BadData, naming the file and the entry.</exception>
    public static IReadOnlyList<ClassificationAnswer> LoadAnswers(string path) => AnswerFile.Read(path, entry => new ClassificationAnswer(
        entry.Text("picture"), entry.Text("truth"), entry.Text("said"), entry.Flag("read"), entry.Flag("right"), entry.Flag("right_as_published")));

    private (string, double, Interval?)[] Figures(Func<ClassificationAnswer, bool> isRight)
    {
        var values = Values(Answers, isRight);
        int[][] classes = [.. Answers.Select((answer, i) => (answer.Truth, i)).GroupBy(pair => pair.Truth, StringComparer.Ordinal).Select(group => group.Select(pair => pair.i).ToArray())];
        var once = new byte[values.Length];
        Array.Fill(once, (byte)1);
        return
        [
            ("accuracy", values.Length == 0 ? -1 : Bootstrap.Mean(values), _bootstrap is null ? null : Bootstrap.OfMean(values, _bootstrap)),
            ("mean of classes", values.Length == 0 ? -1 : MeanOfClasses(once), _bootstrap is null ? null : Bootstrap.Of(values.Length, MeanOfClasses, _bootstrap)),
        ];

        double MeanOfClasses(ReadOnlySpan<byte> weights)
        {
            var (sum, count) = (0.0, 0);
            foreach (var members in classes)
            {
                var (right, all) = (0.0, 0);
                foreach (var i in members) (right, all) = (right + (values[i] * weights[i]), all + weights[i]);
                if (all > 0) (sum, count) = (sum + (right / all), count + 1);
            }

            return count == 0 ? double.NaN : sum / count;
        }
    }

    private static double[] Values(IReadOnlyList<ClassificationAnswer> answers, Func<ClassificationAnswer, bool> isRight) => [.. answers.Select(answer => isRight(answer) ? 1.0 : 0)];
}
