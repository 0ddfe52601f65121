using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Text.Prompts;
using Sightline.Training.Data;
using Sightline.Training.Distributed;
using Sightline.Training.Evaluation;
using Sightline.Training.Expressions;

namespace Sightline.Training.Grounding;

/// <summary>
/// Runs a grounder over any readable data set, one picture at a time and with the calls that an application makes, and
/// scores it with the official metrics.
/// </summary>
public sealed partial class DataSetEvaluator(Grounder grounder)
{
    /// <summary>Classes that detection asks for in one pass unless told otherwise.</summary>
    public const int UsualClassesTogether = 64;

    /// <summary>The processes that share the pictures; each gets all answers, in the order of the pictures.</summary>
    public Communicator Ranks { get; init; } = Communicator.Alone;

    /// <summary>Told after every picture: pictures done, pictures in all.</summary>
    public Action<int, int>? Progress { get; init; }

    /// <summary>Classes asked in one pass; more take several passes.</summary>
    public int ClassesTogether { get; init; } = UsualClassesTogether;

    /// <summary>Expressions asked in one pass. One by one, so that no answer depends on what else a test asks of the picture.</summary>
    public int PhrasesTogether { get; init; } = 1;

    /// <summary>How a vision-language model is asked; other models take none of it.</summary>
    public LanguageOptions Language { get; init; } = new();

    /// <summary>
    /// What is asked: with <see cref="EvaluationProtocol.Published"/> only the classes that a picture has, else all (of a set that says which classes were looked for
    /// in each picture, as LVIS: those). What counts is the scores' matter.
    /// </summary>
    public EvaluationProtocol Protocol { get; init; }

    /// <summary>Asks every picture for every class of the set, and scores the boxes: <see cref="Score"/>.</summary>
    /// <param name="data">Labelled pictures.</param>
    /// <param name="names">What is asked for each class.</param>
    /// <param name="bootstrap">Intervals; null for none.</param>
    /// <param name="cancellation">Stops between two pictures.</param>
    /// <exception cref="SightlineException">BadData: there are no classes; or a picture cannot be read.</exception>
    public async Task<(DetectionScore Score, IReadOnlyList<CocoDetection> Detections)> DetectAsync(
        DataSet data, ClassNames names, BootstrapOptions? bootstrap = null, CancellationToken cancellation = default)
    {
        var (truth, detections) = await FindAsync(data, names, cancellation).ConfigureAwait(false);
        return (Score(truth, detections, bootstrap), detections);
    }

    /// <summary>COCO's score, or LVIS's where the data says which classes were looked for in each picture.</summary>
    /// <param name="truth">As <see cref="FindAsync"/> gives it.</param>
    /// <param name="detections">What was found.</param>
    /// <param name="bootstrap">Intervals; null for none.</param>
    public static DetectionScore Score(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, BootstrapOptions? bootstrap = null) => IsFederated(truth)
        ? LvisEvaluator.Evaluate(truth, detections, bootstrap: bootstrap)
        : CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Bootstrap = bootstrap });

    /// <summary>The paired test between two runs, of the figures of <see cref="Score"/>.</summary>
    /// <param name="truth">As <see cref="FindAsync"/> gives it.</param>
    /// <param name="a">The first run.</param>
    /// <param name="b">The second run.</param>
    /// <param name="bootstrap">Draws and seed; 1000 when null.</param>
    public static IReadOnlyList<PairedComparison> Compare(CocoGroundTruth truth, IReadOnlyList<CocoDetection> a, IReadOnlyList<CocoDetection> b, BootstrapOptions? bootstrap = null) => IsFederated(truth)
        ? LvisEvaluator.Compare(truth, a, b, bootstrap: bootstrap)
        : CocoEvaluator.Compare(truth, a, b, new CocoEvaluationOptions { Bootstrap = bootstrap });

    /// <summary>As <see cref="DetectAsync"/>, without the score: what is there and what was found, for a score or a comparison.</summary>
    /// <exception cref="SightlineException">As there.</exception>
    public async Task<DetectionRun> FindAsync(DataSet data, ClassNames names, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(names);
        if (data.Classes.Count == 0) throw new SightlineException(ErrorKind.BadData, $"{data.Name} has no classes to detect; data with phrases is measured as referring");
        var numbers = data.Classes.Select((label, index) => (label, index)).ToDictionary(pair => pair.label, pair => pair.index + 1, StringComparer.Ordinal);
        var federated = data.Samples.Any(sample => sample.AbsentLabels is not null);
        var found = PictureFindings.Join(await Ranks.MapAsync(data.Samples.Count, LookAsync, PictureFindings.Write, PictureFindings.Read).ConfigureAwait(false));
        var truth = new CocoGroundTruth(found.Images, [.. data.Classes.Select((label, index) => new CocoCategory(index + 1, label))], found.Truths, data.Name) { IsFederated = federated };
        return new DetectionRun(truth, found.Detections) { Spoken = found.Spoken };

        async Task<PictureFindings> LookAsync(int i)
        {
            var sample = data.Samples[i];
            var id = sample.Number ?? i + 1;
            var picture = Load(data, sample);
            var image = new CocoImage(id, picture.Width, picture.Height, sample.PictureFile)
            {
                NegativeCategoryIds = federated ? Numbers(sample.AbsentLabels) : [],
                NotExhaustiveCategoryIds = federated ? Numbers(sample.IncompleteLabels) : [],
            };
            var (spoken, truths, detections) = (new AnswerTally(), new List<CocoAnnotation>(), new List<CocoDetection>());
            foreach (var item in sample.Objects)
            {
                if (!numbers.TryGetValue(item.Label, out var category)) continue;
                var box = InPixels(item.Box, picture);
                truths.Add(new CocoAnnotation(truths.Count + 1, id, category, box.X1, box.Y1, box.Width, box.Height)
                {
                    Area = item.Area ?? box.Area,
                    IsCrowd = item.Crowd,
                    IsIgnored = item.Difficult,
                });
            }

            string[] asked = [.. Asked(data, sample, federated)];
            if (asked.Length > 0)
            {
                var result = await grounder.GroundAsync(picture, [.. asked.Select(names.PhraseOf)], Options(GroundingTask.Detection, ClassesTogether), cancellation).ConfigureAwait(false);
                spoken = spoken.With(result.Spoken);
                for (var p = 0; p < asked.Length; p++)
                {
                    foreach (var one in result.Answers[p].Detections)
                        detections.Add(CocoDetection.FromBox(id, numbers[asked[p]], one.Box, one.Score, picture.Width, picture.Height));
                }
            }

            Progress?.Invoke(i + 1, data.Samples.Count);
            return new PictureFindings([image], truths, detections, spoken);
        }

        int[] Numbers(IReadOnlyList<string>? labels) => [.. (labels ?? []).Where(numbers.ContainsKey).Select(label => numbers[label])];
    }

    /// <summary>
    /// Asks each picture for its phrases. Phrases with one box count for accuracy (the best box is the answer), all phrases for
    /// presence. A set without phrases gets generated ones.
    /// </summary>
    /// <param name="data">Pictures with phrases, or with labelled boxes.</param>
    /// <param name="names">Words for the classes in generated expressions.</param>
    /// <param name="expressions">Expressions to generate for each picture; 0: the set's own phrases.</param>
    /// <param name="seed">Of the generated expressions.</param>
    /// <param name="bootstrap">Intervals; null for none.</param>
    /// <param name="cancellation">Stops between two pictures.</param>
    /// <exception cref="SightlineException">BadData: there is no phrase; or a picture cannot be read.</exception>
    public async Task<ReferringResult> ReferAsync(
        DataSet data, ClassNames names, int expressions = 0, ulong seed = 0, BootstrapOptions? bootstrap = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfNegative(expressions);
        var generator = expressions > 0 ? new SampleExpressions(data, names) : null;
        var random = new RandomStream(seed);
        var result = await ReferAsync(data.Samples.Count, Get, bootstrap, cancellation).ConfigureAwait(false);
        return result.Answers.Count > 0 ? result : throw new SightlineException(ErrorKind.BadData, $"{data.Name} has no phrases; --expressions N makes some from labelled boxes");

        (string, GroundedPicture) Get(int i)
        {
            var sample = data.Samples[i];
            var picture = Load(data, sample);
            return (sample.PictureFile, generator is null
                ? new GroundedPicture(picture, [.. sample.Phrases.Where(phrase => phrase.IsGrounded && !string.IsNullOrWhiteSpace(phrase.Text)).Select(phrase => new PhraseBoxes(phrase.Text, phrase.Boxes))])
                : generator.Ground(sample, picture, expressions, random.Fork((ulong)i + 1)));
        }
    }

    /// <summary>As for a data set, for pictures from anywhere, such as generated scenes.</summary>
    /// <param name="count">How many.</param>
    /// <param name="get">A picture by number: its name, and its phrases with boxes.</param>
    /// <param name="bootstrap">Intervals; null for none.</param>
    /// <param name="cancellation">Stops between two pictures.</param>
    public async Task<ReferringResult> ReferAsync(int count, Func<int, (string Name, GroundedPicture Sample)> get, BootstrapOptions? bootstrap = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(get);
        var (all, said) = PictureAnswers<ReferringAnswer>.Join(await Ranks.MapAsync(
            count, AskAsync, PictureAnswers<ReferringAnswer>.Writing(AnswerBytes.Write), PictureAnswers<ReferringAnswer>.Reading(AnswerBytes.ReadReferring)).ConfigureAwait(false));
        return new ReferringResult(all, bootstrap) { Together = PhrasesTogether, Spoken = said };

        async Task<PictureAnswers<ReferringAnswer>> AskAsync(int i)
        {
            cancellation.ThrowIfCancellationRequested();
            var (spoken, answers) = (new AnswerTally(), new List<ReferringAnswer>());
            var (name, (picture, phrases)) = get(i);
            if (phrases.Count > 0)
            {
                var result = await grounder.GroundAsync(
                    picture, [.. phrases.Select(phrase => phrase.Phrase)], Options(GroundingTask.Phrase, PhrasesTogether), cancellation).ConfigureAwait(false);
                spoken = spoken.With(result.Spoken);
                for (var p = 0; p < phrases.Count; p++) answers.Add(Judge(name, phrases[p], result.Answers[p], picture));
            }

            Progress?.Invoke(i + 1, count);
            return new PictureAnswers<ReferringAnswer>(answers, spoken);
        }
    }

    /// <summary>The classes that a picture is asked for.</summary>
    private IEnumerable<string> Asked(DataSet data, DataSample sample, bool federated)
    {
        var present = sample.Objects.Select(item => item.Label).ToHashSet(StringComparer.Ordinal);
        if (Protocol == EvaluationProtocol.Published) return data.Classes.Where(present.Contains);
        // classes that nobody looked for do not count, and a question costs a whole answer
        if (federated && grounder.CanConverse) return data.Classes.Where(label => present.Contains(label) || sample.AbsentLabels?.Contains(label) == true);
        return data.Classes;
    }

    /// <summary>Everything that can still count: a model that speaks names only what it means, and what it says twice is a false box.</summary>
    private GroundingOptions Options(GroundingTask task, int together) => grounder.CanConverse
        ? new GroundingOptions { Task = task, Threshold = 0, OverlapThreshold = 1, MaximumDetections = GroundingOptions.ForEvaluation.MaximumDetections, Language = Language }
        : GroundingOptions.ForEvaluation with { Task = task, PhrasesTogether = together };

    private static bool IsFederated(CocoGroundTruth truth) => truth.IsFederated || truth.Images.Any(image => image.NegativeCategoryIds.Count > 0);

    /// <summary>Compares an answer with the truth; both in pixels of the picture.</summary>
    internal static ReferringAnswer Judge(string name, PhraseBoxes asked, PhraseAnswer answer, Picture picture)
    {
        var (iou, pointed) = (0.0, false);
        if (asked.Boxes is [var only] && answer.Detections is [var first, ..])
        {
            var (best, truth) = (InPixels(first.Box, picture), InPixels(only, picture));
            (iou, pointed) = (Iou.Of(best, truth), PointingEvaluator.IsHit(FramePoint.CenterOf(best), truth));
        }

        // a model that speaks says that something is there by giving it, however sure it is; where it cannot be understood it is wrong either way
        var presence = answer.Spoken is not { } spoken ? answer.Presence
            : !spoken.IsUnderstood ? asked.Boxes.Count == 0 ? 1 : 0
            : answer.Detections.Count > 0 ? 1 : 0;
        return new ReferringAnswer(name, asked.Phrase, asked.Boxes.Count, asked.PositionSensitive, presence, iou, pointed);
    }

    private static Picture Load(DataSet data, DataSample sample) => Picture.Decode(data.ReadPictureBytes(sample), name: sample.PictureFile);

    /// <summary>The stated size may be missing or that of a scaled copy: the picture itself decides.</summary>
    private static Box InPixels(Box box, Picture picture) => box.To(picture.Frame);
}
