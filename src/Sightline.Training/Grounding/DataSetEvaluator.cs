using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Training.Data;
using Sightline.Training.Evaluation;
using Sightline.Training.Expressions;

namespace Sightline.Training.Grounding;

/// <summary>
/// Runs a grounder over any readable data set, one picture at a time and with the calls that an application makes, and
/// scores it with the official metrics.
/// </summary>
public sealed class DataSetEvaluator(Grounder grounder)
{
    private const int PhrasesAtOnce = 64;

    /// <summary>Told after every picture: pictures done, pictures in all.</summary>
    public Action<int, int>? Progress { get; init; }

    /// <summary>Asks every picture for every class of the set, and scores the boxes as COCO does.</summary>
    /// <param name="data">Labelled pictures.</param>
    /// <param name="names">What is asked for each class.</param>
    /// <param name="bootstrap">Intervals; null for none.</param>
    /// <param name="cancellation">Stops between two pictures.</param>
    /// <exception cref="SightlineException">BadData: there are no classes; or a picture cannot be read.</exception>
    public async Task<(DetectionScore Score, IReadOnlyList<CocoDetection> Detections)> DetectAsync(
        DataSet data, ClassNames names, BootstrapOptions? bootstrap = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(names);
        if (data.Classes.Count == 0) throw new SightlineException(ErrorKind.BadData, $"{data.Name} has no classes to detect; data with phrases is measured as referring");
        var numbers = data.Classes.Select((label, index) => (label, index)).ToDictionary(pair => pair.label, pair => pair.index + 1, StringComparer.Ordinal);
        var phrases = data.Classes.Select(names.PhraseOf).ToList();
        var images = new List<CocoImage>();
        var truths = new List<CocoAnnotation>();
        var detections = new List<CocoDetection>();
        for (var i = 0; i < data.Samples.Count; i++)
        {
            var sample = data.Samples[i];
            var id = sample.Number ?? i + 1;
            var picture = Load(data, sample);
            images.Add(new CocoImage(id, picture.Width, picture.Height, sample.PictureFile));
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

            for (var start = 0; start < phrases.Count; start += PhrasesAtOnce)
            {
                var asked = phrases.GetRange(start, Math.Min(PhrasesAtOnce, phrases.Count - start));
                var result = await grounder.GroundAsync(picture, asked, GroundingOptions.ForEvaluation, cancellation).ConfigureAwait(false);
                for (var p = 0; p < asked.Count; p++)
                {
                    foreach (var found in result.Answers[p].Detections)
                        detections.Add(CocoDetection.FromBox(id, start + p + 1, found.Box, found.Score, picture.Width, picture.Height));
                }
            }

            Progress?.Invoke(i + 1, data.Samples.Count);
        }

        var truth = new CocoGroundTruth(images, [.. data.Classes.Select((label, index) => new CocoCategory(index + 1, label))], truths, data.Name);
        return (CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Bootstrap = bootstrap }), detections);
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
        var (boxes, truths, points) = (new List<Box?>(), new List<Box>(), new List<FramePoint?>());
        var (said, present) = (new List<bool>(), new List<bool>());
        for (var i = 0; i < data.Samples.Count; i++)
        {
            var sample = data.Samples[i];
            var picture = Load(data, sample);
            IReadOnlyList<PhraseBoxes> phrases = generator is null
                ? [.. sample.Phrases.Where(phrase => phrase.IsGrounded && !string.IsNullOrWhiteSpace(phrase.Text)).Select(phrase => new PhraseBoxes(phrase.Text, phrase.Boxes))]
                : generator.Ground(sample, picture, expressions, random.Fork((ulong)i + 1)).Phrases;
            for (var start = 0; start < phrases.Count; start += PhrasesAtOnce)
            {
                var asked = phrases.Skip(start).Take(PhrasesAtOnce).ToList();
                var result = await grounder.GroundAsync(picture, [.. asked.Select(phrase => phrase.Phrase)], GroundingOptions.ForEvaluation, cancellation).ConfigureAwait(false);
                for (var p = 0; p < asked.Count; p++)
                {
                    said.Add(result.Answers[p].Presence >= 0.5);
                    present.Add(asked[p].Boxes.Count > 0);
                    if (asked[p].Boxes is not [var only]) continue;
                    var best = result.Answers[p].Detections is [var first, ..] ? first.Box.To(picture.Frame) : (Box?)null;
                    boxes.Add(best);
                    points.Add(best is { } box ? FramePoint.CenterOf(box) : null);
                    truths.Add(InPixels(only, picture));
                }
            }

            Progress?.Invoke(i + 1, data.Samples.Count);
        }

        if (said.Count == 0) throw new SightlineException(ErrorKind.BadData, $"{data.Name} has no phrases; --expressions N makes some from labelled boxes");
        return new ReferringResult(
            ReferringEvaluator.Boxes(boxes, truths, bootstrap: bootstrap), PresenceScore.Of(said, present, bootstrap), PointingEvaluator.Accuracy(points, truths), truths.Count, said.Count);
    }

    private static Picture Load(DataSet data, DataSample sample) => Picture.Decode(data.ReadPictureBytes(sample), name: sample.PictureFile);

    /// <summary>The stated size may be missing or that of a scaled copy: the picture itself decides.</summary>
    private static Box InPixels(Box box, Picture picture) => box.To(picture.Frame);
}

/// <summary>What a model does with phrases.</summary>
/// <param name="Boxes">Accuracy at several IoUs, over phrases with one box.</param>
/// <param name="Presence">Whether "nothing here" is said at the right phrases, over all of them.</param>
/// <param name="Pointing">Share of phrases with one box whose answer's centre lies in it.</param>
/// <param name="Phrases">Phrases with one box.</param>
/// <param name="Asked">All phrases.</param>
public sealed record ReferringResult(ReferringScore Boxes, PresenceScore Presence, double Pointing, int Phrases, int Asked);
