using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Training.Evaluation;

namespace Sightline.Training.Grounding;

/// <summary>What a model does on one validation source.</summary>
public sealed record GroundingScore
{
    /// <summary>The source.</summary>
    public required string Source { get; init; }

    /// <summary>Share of expressions with one target whose best box has IoU of at least 0.5 with it; NaN without such expressions.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Expressions counted in <see cref="Accuracy"/>.</summary>
    public required int Expressions { get; init; }

    /// <summary>As <see cref="Accuracy"/>, for expressions that need the whole picture (position, order, relation).</summary>
    public required double RelationalAccuracy { get; init; }

    /// <summary>Matthews correlation of "something is here" over all phrases; NaN where all phrases are alike.</summary>
    public required double PresenceMcc { get; init; }

    /// <summary>The official box figures over class phrases; null for a source without classes.</summary>
    public DetectionScore? Detection { get; init; }

    /// <summary>One number to choose the best checkpoint by: AP50 where there are classes, accuracy otherwise, the mean of both where there are both.</summary>
    public double Summary => (Detection, Expressions) switch
    {
        (null, _) => Accuracy,
        ({ } d, 0) => d.Stats[1],
        var (d, _) => (d.Stats[1] + Accuracy) / 2,
    };
}

/// <summary>Runs a model over validation sources and measures with the official metrics.</summary>
public sealed class GroundingEvaluator(FusionModel model, FusionProcessor processor)
{
    private const int Batch = 8;
    private const double PresentFrom = 0.5;

    /// <summary>Measures one source: class phrases as detection, the others as referring expressions.</summary>
    public GroundingScore Evaluate(ISampleSource source, CancellationToken cancellationToken, int? limit = null)
    {
        var classes = (source as PictureSource)?.ClassPhrases ?? [];
        var counts = new Counts();
        var images = new List<CocoImage>();
        var truths = new List<CocoAnnotation>();
        var detections = new List<CocoDetection>();
        var total = Math.Min(source.Count ?? int.MaxValue, limit ?? int.MaxValue);
        for (var start = 0; start < total; start += Batch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var samples = Enumerable.Range(start, Math.Min(Batch, total - start)).Select(i => source.Get(i)).ToArray();
            using var scope = TensorScope.Open();
            using var noGrad = Tape.NoGrad();
            var output = model.Forward(processor.ToTensor([.. samples.Select(s => s.Canvas)]), processor.ToTensors([.. samples.Select(s => (IReadOnlyList<string>)s.Phrases)]));
            for (var b = 0; b < samples.Length; b++)
            {
                var sample = samples[b];
                var answers = FusionAnswers.Read(output, b, sample.Canvas, sample.Phrases, GroundingOptions.ForEvaluation).ToArray();
                images.Add(new CocoImage(start + b + 1, sample.Canvas.Placement.SourceWidth, sample.Canvas.Placement.SourceHeight));
                for (var p = 0; p < answers.Length; p++)
                {
                    counts.AddPresence(answers[p].Presence >= PresentFrom, sample.Targets[p].Length > 0);
                    if (p < classes.Count) AddDetections(sample, p, answers[p], start + b + 1, truths, detections);
                    else if (sample.Targets[p].Length == 1) counts.AddExpression(IsHit(sample, p, answers[p]), sample.PositionSensitive[p]);
                }
            }
        }

        return new GroundingScore
        {
            Source = source.Name,
            Accuracy = counts.Accuracy,
            Expressions = counts.Expressions,
            RelationalAccuracy = counts.RelationalAccuracy,
            PresenceMcc = counts.Mcc,
            Detection = classes.Count == 0 ? null : CocoEvaluator.Evaluate(
                new CocoGroundTruth(images, [.. classes.Select((name, c) => new CocoCategory(c + 1, name))], truths, source.Name), detections),
        };
    }

    private static Box TargetBox(TrainingSample sample, int o)
    {
        var target = sample.Objects[o];
        return sample.Canvas.ToSource([target.X1, target.Y1, target.X2, target.Y2]);
    }

    private static bool IsHit(TrainingSample sample, int p, PhraseAnswer answer) =>
        answer.Detections.Count > 0 && Iou.Of(answer.Detections[0].Box, TargetBox(sample, sample.Targets[p][0])) >= 0.5;

    private static void AddDetections(TrainingSample sample, int p, PhraseAnswer answer, int image, List<CocoAnnotation> truths, List<CocoDetection> detections)
    {
        foreach (var o in sample.Targets[p])
        {
            var box = TargetBox(sample, o);
            truths.Add(new CocoAnnotation(truths.Count + 1, image, p + 1, box.X1, box.Y1, box.Width, box.Height));
        }

        foreach (var found in answer.Detections)
            detections.Add(new CocoDetection(image, p + 1, found.Box.X1, found.Box.Y1, found.Box.Width, found.Box.Height, found.Score));
    }

    private sealed class Counts
    {
        private int _hits;
        private int _relational;
        private int _relationalHits;
        private readonly long[] _presence = new long[4];

        public int Expressions { get; private set; }

        public double Accuracy => (double)_hits / Expressions;

        public double RelationalAccuracy => (double)_relationalHits / _relational;

        public double Mcc
        {
            get
            {
                double tn = _presence[0], fn = _presence[1], fp = _presence[2], tp = _presence[3];
                return ((tp * tn) - (fp * fn)) / Math.Sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
            }
        }

        public void AddExpression(bool hit, bool relational)
        {
            Expressions++;
            if (hit) _hits++;
            if (!relational) return;
            _relational++;
            if (hit) _relationalHits++;
        }

        public void AddPresence(bool said, bool is_) => _presence[(said ? 2 : 0) + (is_ ? 1 : 0)]++;
    }
}
