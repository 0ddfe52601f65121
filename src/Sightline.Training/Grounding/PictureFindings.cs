using Sightline.Training.Evaluation;

namespace Sightline.Training.Grounding;

/// <summary>What is in some pictures and what was found there.</summary>
/// <param name="Images">The pictures.</param>
/// <param name="Truths">Their boxes; numbers are given when all pictures are together.</param>
/// <param name="Detections">What was found.</param>
/// <param name="Spoken">How the answers could be read.</param>
internal sealed record PictureFindings(IReadOnlyList<CocoImage> Images, IReadOnlyList<CocoAnnotation> Truths, IReadOnlyList<CocoDetection> Detections, AnswerTally Spoken)
{
    public static PictureFindings Join(IReadOnlyList<PictureFindings> parts) => new(
        [.. parts.SelectMany(part => part.Images)],
        [.. parts.SelectMany(part => part.Truths).Select((truth, i) => truth with { Id = i + 1 })],
        [.. parts.SelectMany(part => part.Detections)],
        parts.Aggregate(new AnswerTally(), (sum, part) => sum.Plus(part.Spoken)));

    public static void Write(BinaryWriter writer, PictureFindings found)
    {
        AnswerBytes.Write(writer, found.Images, AnswerBytes.Write);
        AnswerBytes.Write(writer, found.Truths, AnswerBytes.Write);
        AnswerBytes.Write(writer, found.Detections, AnswerBytes.Write);
        AnswerBytes.Write(writer, found.Spoken);
    }

    public static PictureFindings Read(BinaryReader reader) => new(
        AnswerBytes.Read(reader, AnswerBytes.ReadImage), AnswerBytes.Read(reader, AnswerBytes.ReadAnnotation), AnswerBytes.Read(reader, AnswerBytes.ReadDetection), AnswerBytes.ReadTally(reader));
}

/// <summary>Answers to the questions about a picture.</summary>
/// <param name="Answers">In the order of asking.</param>
/// <param name="Spoken">How they could be read.</param>
internal sealed record PictureAnswers<T>(IReadOnlyList<T> Answers, AnswerTally Spoken)
{
    public static (IReadOnlyList<T> Answers, AnswerTally Spoken) Join(IReadOnlyList<PictureAnswers<T>> parts) =>
        ([.. parts.SelectMany(part => part.Answers)], parts.Aggregate(new AnswerTally(), (sum, part) => sum.Plus(part.Spoken)));

    public static Action<BinaryWriter, PictureAnswers<T>> Writing(Action<BinaryWriter, T> write) => (writer, found) =>
    {
        AnswerBytes.Write(writer, found.Answers, write);
        AnswerBytes.Write(writer, found.Spoken);
    };

    public static Func<BinaryReader, PictureAnswers<T>> Reading(Func<BinaryReader, T> read) => reader => new(AnswerBytes.Read(reader, read), AnswerBytes.ReadTally(reader));
}
