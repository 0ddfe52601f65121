namespace Sightline.Training.Evaluation;

/// <summary>Answers as bytes, exactly, for evaluations that several processes share.</summary>
internal static class AnswerBytes
{
    public static void Write(BinaryWriter writer, AnswerTally tally)
    {
        writer.Write(tally.Asked);
        writer.Write(tally.Unread);
        writer.Write(tally.WrongFrame);
        writer.Write(tally.Cut);
        writer.Write(tally.CutUnread);
        writer.Write(tally.Prompt is not null);
        if (tally.Prompt is { } prompt) writer.Write(prompt);
    }

    public static AnswerTally ReadTally(BinaryReader reader) =>
        new(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32()) { Prompt = reader.ReadBoolean() ? reader.ReadString() : null };

    public static void Write(BinaryWriter writer, ReferringAnswer answer)
    {
        writer.Write(answer.Picture);
        writer.Write(answer.Phrase);
        writer.Write(answer.Truths);
        writer.Write(answer.Relational);
        writer.Write(answer.Presence);
        writer.Write(answer.Iou);
        writer.Write(answer.IsPointed);
    }

    public static ReferringAnswer ReadReferring(BinaryReader reader) =>
        new(reader.ReadString(), reader.ReadString(), reader.ReadInt32(), reader.ReadBoolean(), reader.ReadDouble(), reader.ReadDouble(), reader.ReadBoolean());

    public static void Write(BinaryWriter writer, ReasoningAnswer answer)
    {
        writer.Write(answer.Picture);
        writer.Write(answer.Question);
        writer.Write(answer.IsRead);
        writer.Write(answer.Intersection);
        writer.Write(answer.Union);
        writer.Write(answer.BoxIou);
    }

    public static ReasoningAnswer ReadReasoning(BinaryReader reader) =>
        new(reader.ReadString(), reader.ReadString(), reader.ReadBoolean(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadDouble());

    public static void Write(BinaryWriter writer, ClassificationAnswer answer)
    {
        writer.Write(answer.Picture);
        writer.Write(answer.Truth);
        writer.Write(answer.Said);
        writer.Write(answer.IsRead);
        writer.Write(answer.IsRight);
        writer.Write(answer.IsRightAsPublished);
    }

    public static ClassificationAnswer ReadClassification(BinaryReader reader) =>
        new(reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadBoolean(), reader.ReadBoolean(), reader.ReadBoolean());

    /// <summary>Without names of classes and masks, which no model gives here.</summary>
    public static void Write(BinaryWriter writer, CocoDetection found)
    {
        writer.Write(found.ImageId);
        writer.Write(found.CategoryId);
        foreach (var value in (ReadOnlySpan<double>)[found.X, found.Y, found.Width, found.Height, found.Score, found.Area]) writer.Write(value);
    }

    public static CocoDetection ReadDetection(BinaryReader reader) =>
        new(reader.ReadInt64(), reader.ReadInt32(), reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble()) { Area = reader.ReadDouble() };

    /// <summary>Without masks, which no data set here gives to a box.</summary>
    public static void Write(BinaryWriter writer, CocoAnnotation truth)
    {
        writer.Write(truth.Id);
        writer.Write(truth.ImageId);
        writer.Write(truth.CategoryId);
        foreach (var value in (ReadOnlySpan<double>)[truth.X, truth.Y, truth.Width, truth.Height, truth.Area]) writer.Write(value);
        writer.Write(truth.IsCrowd);
        writer.Write(truth.IsIgnored);
    }

    public static CocoAnnotation ReadAnnotation(BinaryReader reader) =>
        new(reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt32(), reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble())
        {
            Area = reader.ReadDouble(),
            IsCrowd = reader.ReadBoolean(),
            IsIgnored = reader.ReadBoolean(),
        };

    public static void Write(BinaryWriter writer, CocoImage image)
    {
        writer.Write(image.Id);
        writer.Write(image.Width);
        writer.Write(image.Height);
        writer.Write(image.FileName);
        Write(writer, image.NegativeCategoryIds, (to, id) => to.Write(id));
        Write(writer, image.NotExhaustiveCategoryIds, (to, id) => to.Write(id));
    }

    public static CocoImage ReadImage(BinaryReader reader) => new(reader.ReadInt64(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadString())
    {
        NegativeCategoryIds = Read(reader, from => from.ReadInt32()),
        NotExhaustiveCategoryIds = Read(reader, from => from.ReadInt32()),
    };

    public static void Write<T>(BinaryWriter writer, IReadOnlyList<T> values, Action<BinaryWriter, T> write)
    {
        writer.Write(values.Count);
        foreach (var value in values) write(writer, value);
    }

    public static IReadOnlyList<T> Read<T>(BinaryReader reader, Func<BinaryReader, T> read)
    {
        var values = new T[reader.ReadInt32()];
        for (var i = 0; i < values.Length; i++) values[i] = read(reader);
        return values;
    }
}
