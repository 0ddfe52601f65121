using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Text.Prompts;
using Sightline.Training.Data;
using Sightline.Training.Evaluation;
using Sightline.Training.Expressions;
using Sightline.Training.Rewards;

namespace Sightline.Training.Grounding;

/// <content>Reasoning about regions, and names for whole pictures.</content>
public sealed partial class DataSetEvaluator
{
    /// <summary>
    /// Asks each picture its questions and compares the best box, filled, with the true mask (or with the true boxes, filled, where the set
    /// has no masks). Pixels that the set ignores count for neither.
    /// </summary>
    /// <param name="data">Pictures with phrases that have boxes or masks.</param>
    /// <param name="bootstrap">Intervals; null for none.</param>
    /// <param name="cancellation">Stops between two pictures.</param>
    /// <exception cref="SightlineException">BadData: there is no question; or a picture cannot be read.</exception>
    public async Task<ReasoningResult> ReasonAsync(DataSet data, BootstrapOptions? bootstrap = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        RequireQuestions(data);
        var (all, said) = PictureAnswers<ReasoningAnswer>.Join(await Ranks.MapAsync(
            data.Samples.Count, AskAsync, PictureAnswers<ReasoningAnswer>.Writing(AnswerBytes.Write), PictureAnswers<ReasoningAnswer>.Reading(AnswerBytes.ReadReasoning)).ConfigureAwait(false));
        return new ReasoningResult(all, bootstrap) { Spoken = said };

        async Task<PictureAnswers<ReasoningAnswer>> AskAsync(int i)
        {
            cancellation.ThrowIfCancellationRequested();
            var (spoken, answers) = (new AnswerTally(), new List<ReasoningAnswer>());
            DataPhrase[] questions = [.. Questions(data.Samples[i])];
            if (questions.Length > 0)
            {
                var picture = Load(data, data.Samples[i]);
                var result = await grounder.GroundAsync(picture, [.. questions.Select(question => question.Text)], Options(GroundingTask.Reasoning, 1), cancellation).ConfigureAwait(false);
                spoken = spoken.With(result.Spoken);
                for (var q = 0; q < questions.Length; q++)
                {
                    var best = result.Answers[q].Detections is [var first, ..] ? first.Box.To(picture.Frame) : (Box?)null;
                    var mask = best is { } box ? RunLengthMask.FromBox(box, picture.Height, picture.Width) : null;
                    answers.Add(Judge(data.Samples[i], questions[q], (picture.Width, picture.Height), mask, best, result.Answers[q].Spoken?.IsUnderstood ?? true));
                }
            }

            Progress?.Invoke(i + 1, data.Samples.Count);
            return new PictureAnswers<ReasoningAnswer>(answers, spoken);
        }
    }

    /// <summary>Scores masks that something else has made: one for each picture and question, as <c>{"picture", "question", "segmentation"}</c> a line, COCO's form. A question without one is a miss.</summary>
    /// <param name="data">Pictures with phrases that have boxes or masks.</param>
    /// <param name="masks">The file.</param>
    /// <param name="bootstrap">Intervals; null for none.</param>
    /// <exception cref="SightlineException">BadData: a line cannot be understood, or is about no question of the set.</exception>
    public static ReasoningResult ScoreMasks(DataSet data, string masks, BootstrapOptions? bootstrap = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        RequireQuestions(data);
        var given = new Dictionary<(string, string), string>();
        foreach (var (document, line) in JsonText.ReadLines(masks))
        {
            using (document)
            {
                var entry = new JsonEntry(document.RootElement, masks, FormattableString.Invariant($"line {line}"));
                if (!given.TryAdd((entry.Text("picture"), entry.Text("question")), entry.Required("segmentation").GetRawText())) throw entry.Bad("a second mask for this picture and question");
            }
        }

        var answers = new List<ReasoningAnswer>();
        foreach (var sample in data.Samples)
        {
            foreach (var question in Questions(sample))
            {
                var size = SizeOf(data, sample);
                var mask = given.Remove((sample.PictureFile, question.Text), out var json) ? CocoMask.Read(json, size.Width, size.Height, $"{masks}, the mask of {sample.PictureFile}") : null;
                answers.Add(Judge(sample, question, size, mask, mask is { Area: > 0 } ? mask.Bounds() : null, mask is not null));
            }
        }

        if (given.Count > 0) throw new SightlineException(ErrorKind.BadData, $"{masks}: '{given.Keys.First().Item2}' about {given.Keys.First().Item1} is no question of {data.Name}");
        return new ReasoningResult(answers, bootstrap) { HasMasks = true };
    }

    /// <summary>Asks each picture for its name.</summary>
    /// <param name="data">Pictures with labels of their own.</param>
    /// <param name="names">Words for the classes; further words of a class count as its name.</param>
    /// <param name="bootstrap">Intervals; null for none.</param>
    /// <param name="cancellation">Stops between two pictures.</param>
    /// <exception cref="SightlineException">BadData: no picture has a label; or a picture cannot be read.</exception>
    public async Task<ClassificationResult> ClassifyAsync(DataSet data, ClassNames names, BootstrapOptions? bootstrap = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(names);
        DataSample[] samples = [.. data.Samples.Where(sample => sample.Label is not null)];
        if (samples.Length == 0) throw new SightlineException(ErrorKind.BadData, $"{data.Name} has no labels of whole pictures; folders that are named as classes have them");
        string[] classes = [.. data.Classes.Select(names.PhraseOf).Distinct(StringComparer.Ordinal)];
        var (all, said) = PictureAnswers<ClassificationAnswer>.Join(await Ranks.MapAsync(
            samples.Length, AskAsync, PictureAnswers<ClassificationAnswer>.Writing(AnswerBytes.Write), PictureAnswers<ClassificationAnswer>.Reading(AnswerBytes.ReadClassification)).ConfigureAwait(false));
        return new ClassificationResult(all, bootstrap) { Spoken = said };

        async Task<PictureAnswers<ClassificationAnswer>> AskAsync(int i)
        {
            cancellation.ThrowIfCancellationRequested();
            var picture = Load(data, samples[i]);
            var result = await grounder.GroundAsync(picture, classes, Options(GroundingTask.Classification, classes.Length), cancellation).ConfigureAwait(false);
            Progress?.Invoke(i + 1, samples.Length);
            return new PictureAnswers<ClassificationAnswer>([Judge(samples[i], names, result)], new AnswerTally().With(result.Spoken));
        }
    }

    /// <summary>The rewards that training uses decide: the exact name officially, Visual-RFT's rule as published.</summary>
    private static ClassificationAnswer Judge(DataSample sample, ClassNames names, GroundingResult result)
    {
        var truth = names.PhraseOf(sample.Label!);
        var said = result.Label ?? "";
        var completion = result.Spoken.FirstOrDefault()?.Raw ?? said;
        var one = new RewardCase(completion, $"<answer>{truth}</answer>") { Synonyms = [.. names[sample.Label!].One.Skip(1)], IsCut = result.Spoken.FirstOrDefault()?.Reason == Generation.FinishReason.Length };
        return new ClassificationAnswer(
            sample.PictureFile, truth, said, said.Length > 0,
            RewardFunctions.Get("sightline/label").Score(one) > 0, RewardFunctions.Get("visual-rft/classification_accuracy").Score(one) > 0);
    }

    private static ReasoningAnswer Judge(DataSample sample, DataPhrase question, (int Width, int Height) size, RunLengthMask? mask, Box? box, bool isRead)
    {
        var where = $"{sample.Source ?? sample.Id}, '{question.Text}'";
        var frame = CoordinateFrame.Pixels(size.Width, size.Height);
        RunLengthMask[] filled = [.. question.Boxes.Select(truth => RunLengthMask.FromBox(truth.To(frame).Clip(), size.Height, size.Width))];
        var nothing = RunLengthMask.FromPolygons([], size.Height, size.Width);
        var truth = question.Segmentation is { } json ? CocoMask.Read(json, size.Width, size.Height, where) : filled.Length > 0 ? RunLengthMask.Merge(filled) : nothing;
        mask ??= nothing;
        if (question.IgnoredSegmentation is { } ignored)
        {
            var without = CocoMask.Read(ignored, size.Width, size.Height, where);
            (truth, mask) = (CocoMask.Without(truth, without), CocoMask.Without(mask, without));
        }

        var (intersection, union) = mask.Overlap(truth);
        var iou = truth.Area == 0 ? (box is null && isRead ? 1 : 0) : box is { } found ? Iou.Of(found, truth.Bounds()) : 0;
        return new ReasoningAnswer(sample.PictureFile, question.Text, isRead, intersection, union, iou);
    }

    private static IEnumerable<DataPhrase> Questions(DataSample sample) => sample.Phrases.Where(phrase => phrase.IsGrounded && !string.IsNullOrWhiteSpace(phrase.Text));

    private static void RequireQuestions(DataSet data)
    {
        if (!data.Samples.Any(sample => Questions(sample).Any())) throw new SightlineException(ErrorKind.BadData, $"{data.Name} has no questions with a region (LISA, or phrases with boxes or masks)");
    }

    private static (int Width, int Height) SizeOf(DataSet data, DataSample sample)
    {
        if (sample is { Width: > 0, Height: > 0 }) return (sample.Width, sample.Height);
        var header = PictureHeader.Read(data.ReadPictureBytes(sample), sample.PictureFile);
        return (header.UprightWidth, header.UprightHeight);
    }
}
