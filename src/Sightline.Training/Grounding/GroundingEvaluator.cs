using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Training.Distributed;
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

    /// <summary>The processes that share the pictures, in whole batches.</summary>
    public Communicator Ranks { get; init; } = Communicator.Alone;

    /// <summary>Measures one source: class phrases as detection, the others as referring expressions, all of them for presence.</summary>
    public GroundingScore Evaluate(ISampleSource source, CancellationToken cancellationToken, int? limit = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        var pictures = source as PictureSource;
        var total = Math.Min(source.Count ?? int.MaxValue, limit ?? int.MaxValue);
        var parts = Ranks.Map((int)(((long)total + Batch - 1) / Batch), batch => Answer(source, pictures, batch * Batch, Math.Min(Batch, total - (batch * Batch)), cancellationToken), Findings.Write, Findings.Read);
        var found = PictureFindings.Join([.. parts.Select(part => part.Classes)]);
        return new GroundingScore
        {
            Source = source.Name,
            Referring = new ReferringResult([.. parts.SelectMany(part => part.Expressions)]),
            Presence = PresenceScore.Of([.. parts.SelectMany(part => part.Said)], [.. parts.SelectMany(part => part.Present)]),
            Detection = pictures is not { ClassPhrases: { Count: > 0 } phrases } ? null : CocoEvaluator.Evaluate(
                new CocoGroundTruth(found.Images, [.. phrases.Select((phrase, c) => new CocoCategory(c + 1, phrase))], found.Truths, source.Name), found.Detections),
        };
    }

    /// <summary>What the model answers about some samples in a row.</summary>
    private Findings Answer(ISampleSource source, PictureSource? pictures, int start, int count, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var samples = Enumerable.Range(start, count).Select(i => source.Get(i)).ToArray();
        var classes = samples.Select((_, b) => pictures?.ClassesAsked(start + b) ?? []).ToArray();
        var images = samples.Select((sample, b) => new CocoImage(start + b + 1, sample.Canvas.Placement.SourceWidth, sample.Canvas.Placement.SourceHeight)).ToArray();
        var (truths, detections) = (new List<CocoAnnotation>(), new List<CocoDetection>());
        var (expressions, said, present) = (new List<ReferringAnswer>(), new List<bool>(), new List<bool>());
        using var scope = TensorScope.Open();
        using var noGrad = Tape.NoGrad();
        var features = model.EncodeImage(processor.ToTensor([.. samples.Select(sample => sample.Canvas)]));
        foreach (var (b, p, answer) in Answers(features, samples, [.. classes.Select(asked => ..asked.Count)]).Concat(Answers(features, samples, [.. classes.Select(asked => asked.Count..)])))
        {
            var boxes = samples[b].Targets[p].Select(o => TargetBox(samples[b], o)).ToArray();
            said.Add(answer.Presence >= ReferringResult.PresentFrom);
            present.Add(boxes.Length > 0);
            if (p >= classes[b].Count)
            {
                expressions.Add(Judge(samples[b], p, boxes, answer));
                continue;
            }

            var (image, label) = (start + b + 1, classes[b][p] + 1);
            truths.AddRange(boxes.Select(box => new CocoAnnotation(0, image, label, box.X1, box.Y1, box.Width, box.Height)));
            detections.AddRange(answer.Detections.Select(found => new CocoDetection(image, label, found.Box.X1, found.Box.Y1, found.Box.Width, found.Box.Height, found.Score)));
        }

        return new Findings(new PictureFindings(images, truths, detections, new AnswerTally()), expressions, said, present);
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

    /// <summary>Answers of a batch: to its classes, to its expressions, and for each phrase whether something was said to be there and was.</summary>
    private sealed record Findings(PictureFindings Classes, IReadOnlyList<ReferringAnswer> Expressions, IReadOnlyList<bool> Said, IReadOnlyList<bool> Present)
    {
        public static void Write(BinaryWriter writer, Findings found)
        {
            PictureFindings.Write(writer, found.Classes);
            AnswerBytes.Write(writer, found.Expressions, AnswerBytes.Write);
            AnswerBytes.Write(writer, found.Said, (to, value) => to.Write(value));
            AnswerBytes.Write(writer, found.Present, (to, value) => to.Write(value));
        }

        public static Findings Read(BinaryReader reader) => new(
            PictureFindings.Read(reader), AnswerBytes.Read(reader, AnswerBytes.ReadReferring), AnswerBytes.Read(reader, from => from.ReadBoolean()), AnswerBytes.Read(reader, from => from.ReadBoolean()));
    }
}
