using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Training.Evaluation;

namespace Sightline.Training.Grounding;

/// <summary>
/// The quick measurement between two steps of a training: batches of the pictures that training keeps, scaled as they are; the classes of a picture in
/// one pass, its expressions in another, because patches see all phrases of a pass, and "the king left of the queen" says that there is a queen.
/// What a finished model is worth, <see cref="FinalMeasurement"/> says.
/// </summary>
public sealed class GroundingEvaluator(FusionModel model, FusionProcessor processor)
{
    private const int Batch = 8;

    /// <summary>Measures one source: class phrases as detection, the others as referring expressions, all of them for presence.</summary>
    public GroundingScore Evaluate(ISampleSource source, CancellationToken cancellationToken, int? limit = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        var pictures = source as PictureSource;
        var detection = new DetectionCollector(pictures?.ClassPhrases ?? []);
        var (expressions, said, present) = (new List<ReferringAnswer>(), new List<bool>(), new List<bool>());
        var total = Math.Min(source.Count ?? int.MaxValue, limit ?? int.MaxValue);
        for (var start = 0; start < total; start += Batch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var samples = Enumerable.Range(start, Math.Min(Batch, total - start)).Select(i => source.Get(i)).ToArray();
            var classes = samples.Select((_, b) => pictures?.ClassesAsked(start + b) ?? []).ToArray();
            for (var b = 0; b < samples.Length; b++)
                detection.AddPicture(start + b + 1, samples[b].Canvas.Placement.SourceWidth, samples[b].Canvas.Placement.SourceHeight);
            using var scope = TensorScope.Open();
            using var noGrad = Tape.NoGrad();
            var features = model.EncodeImage(processor.ToTensor([.. samples.Select(sample => sample.Canvas)]));
            foreach (var (b, p, answer) in Answers(features, samples, [.. classes.Select(asked => ..asked.Count)]).Concat(Answers(features, samples, [.. classes.Select(asked => asked.Count..)])))
            {
                var boxes = samples[b].Targets[p].Select(o => TargetBox(samples[b], o)).ToArray();
                said.Add(answer.Presence >= ReferringResult.PresentFrom);
                present.Add(boxes.Length > 0);
                if (p < classes[b].Count) detection.Add(start + b + 1, classes[b][p], boxes, answer);
                else expressions.Add(Judge(samples[b], p, boxes, answer));
            }
        }

        return new GroundingScore { Source = source.Name, Referring = new ReferringResult(expressions), Presence = PresenceScore.Of(said, present), Detection = detection.Score(source.Name) };
    }

    /// <summary>What the model answers to some of the phrases of each sample, in one pass: sample, phrase, answer.</summary>
    private IEnumerable<(int Sample, int Phrase, PhraseAnswer Answer)> Answers(ImageFeatures features, TrainingSample[] samples, Range[] some)
    {
        var tokens = processor.ToTensors([.. samples.Select((sample, b) => (IReadOnlyList<string>)sample.Phrases[some[b]])]);
        if (tokens.Lengths.Length == 0) yield break;
        var output = model.Ground(features, model.EncodeText(tokens), tokens.Lengths, tokens.CountByPicture);
        for (var b = 0; b < samples.Length; b++)
        {
            var (p, _) = some[b].GetOffsetAndLength(samples[b].Phrases.Length);
            foreach (var answer in FusionAnswers.Read(output, b, samples[b].Canvas, samples[b].Phrases[some[b]], GroundingOptions.ForEvaluation)) yield return (b, p++, answer);
        }
    }

    private static Box TargetBox(TrainingSample sample, int o)
    {
        var target = sample.Objects[o];
        return sample.Canvas.ToSource([target.X1, target.Y1, target.X2, target.Y2]);
    }

    private static ReferringAnswer Judge(TrainingSample sample, int p, Box[] boxes, PhraseAnswer answer)
    {
        var iou = boxes is [var only] && answer.Detections is [var first, ..] ? Iou.Of(first.Box, only) : 0;
        return new ReferringAnswer(sample.Name, sample.Phrases[p], boxes.Length, sample.PositionSensitive[p], answer.Presence, iou, IsPointed: false);
    }

    private sealed class DetectionCollector(IReadOnlyList<string> classes)
    {
        private readonly List<CocoImage> _images = [];
        private readonly List<CocoAnnotation> _truths = [];
        private readonly List<CocoDetection> _detections = [];

        public void AddPicture(int image, int width, int height) => _images.Add(new CocoImage(image, width, height));

        public void Add(int image, int label, Box[] boxes, PhraseAnswer answer)
        {
            foreach (var box in boxes) _truths.Add(new CocoAnnotation(_truths.Count + 1, image, label + 1, box.X1, box.Y1, box.Width, box.Height));
            foreach (var found in answer.Detections)
                _detections.Add(new CocoDetection(image, label + 1, found.Box.X1, found.Box.Y1, found.Box.Width, found.Box.Height, found.Score));
        }

        public DetectionScore? Score(string name) => classes.Count == 0 ? null : CocoEvaluator.Evaluate(
            new CocoGroundTruth(_images, [.. classes.Select((phrase, c) => new CocoCategory(c + 1, phrase))], _truths, name), _detections);
    }
}
