using System.Globalization;
using System.Text.Json;
using Sightline.Geometry;
using Sightline.Text.Answers;

namespace Sightline.Training.Data;

/// <summary>Writes problems: Sightline's own lines, Visual-RFT's list, VLM-R1's lines, or conversations for LLaMA-Factory.</summary>
internal static class ProblemWriter
{
    /// <summary>Writes them.</summary>
    /// <param name="problems">What to write.</param>
    /// <param name="path">The file.</param>
    /// <param name="format">One of the formats of problems.</param>
    /// <param name="nameOf">The name of a picture in the file.</param>
    /// <exception cref="SightlineException">BadData: a problem lacks what the format needs. CannotWrite.</exception>
    public static void Write(IReadOnlyList<Problem> problems, string path, DataFormat format, Func<ProblemPicture, string> nameOf)
    {
        Action<Utf8JsonWriter, Problem> write = format switch
        {
            DataFormat.VisualRft => (json, problem) => VisualRft(json, problem, nameOf),
            DataFormat.VlmR1 => (json, problem) => VlmR1(json, problem, nameOf),
            DataFormat.ShareGpt => (json, problem) => ShareGpt(json, problem, nameOf),
            _ => (json, problem) => Own(json, problem, nameOf),
        };
        if (JsonRecords.IsLines(path) || format is DataFormat.Problems or DataFormat.VlmR1)
        {
            JsonText.WriteLines(path, problems, write);
            return;
        }

        AtomicFile.Write(path, stream =>
        {
            using var json = new Utf8JsonWriter(stream, JsonEntry.Plain with { Indented = true, IndentSize = 1 });
            json.WriteStartArray();
            foreach (var problem in problems) write(json, problem);
            json.WriteEndArray();
        });
    }

    private static void Own(Utf8JsonWriter json, Problem problem, Func<ProblemPicture, string> nameOf)
    {
        json.WriteStartObject();
        json.WriteString("id", problem.Id);
        if (problem.Pictures.Count > 0) Texts(json, "pictures", problem.Pictures.Select(nameOf));
        if (problem.System is not null) json.WriteString("system", problem.System);
        if (problem.Earlier.Count > 0) throw Lacks(problem, "a place for earlier turns in Sightline's lines; write sharegpt");
        json.WriteString("prompt", problem.Prompt);
        if (problem.Subject is not null) json.WriteString("subject", problem.Subject);
        if (problem.Frame is { } frame) Frame(json, "frame", frame);
        if (problem.Solution is not null) json.WriteString("solution", problem.Solution);
        if (problem.Boxes is { } boxes) Boxes(json, problem, boxes);
        if (problem.Label is not null) json.WriteString("label", problem.Label);
        if (problem.Synonyms.Count > 0) Texts(json, "synonyms", problem.Synonyms);
        if (problem.Answer is not null) json.WriteString("answer", problem.Answer);
        if (problem.Split is not null) json.WriteString("split", problem.Split);
        json.WriteEndObject();
    }

    private static void Boxes(Utf8JsonWriter json, Problem problem, IReadOnlyList<LabelledBox> boxes)
    {
        var frame = boxes.Count > 0 ? boxes[0].Box.Frame : CoordinateFrame.Unit;
        if (frame.IsUnspecified) throw Lacks(problem, "a frame for its boxes");
        Frame(json, "box_frame", frame);
        json.WriteStartArray("boxes");
        foreach (var item in boxes)
        {
            json.WriteStartObject();
            json.WritePropertyName("box");
            JsonText.WriteCorners(json, item.Box.To(frame));
            if (item.Label.Length > 0) json.WriteString("label", item.Label);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void VisualRft(Utf8JsonWriter json, Problem problem, Func<ProblemPicture, string> nameOf)
    {
        // the form cannot say which coordinates it speaks: a reader takes 0..1000
        if (problem is { Solution: not null, Boxes.Count: > 0 } && problem.Frame != CoordinateFrame.Thousandths) throw Lacks(problem, "a solution in 0..1000, which Visual-RFT's form speaks");
        json.WriteStartObject();
        json.WriteString("image", nameOf(Only(problem)));
        if (problem.System is not null) json.WriteString("system", problem.System);
        json.WriteString("problem", problem.Prompt);
        json.WriteString("solution", problem.Solution ?? throw Lacks(problem, "a solution: its coordinates are the model's own, so name the model"));
        if (problem.Split is not null) json.WriteString("split", problem.Split);
        json.WriteEndObject();
    }

    private static void VlmR1(Utf8JsonWriter json, Problem problem, Func<ProblemPicture, string> nameOf)
    {
        json.WriteStartObject();
        json.WriteString("id", problem.Id);
        if (problem.Pictures is [var only]) json.WriteString("image", nameOf(only));
        else if (problem.Pictures.Count > 1) Texts(json, "image", problem.Pictures.Select(nameOf));
        json.WriteStartArray("conversations");
        Turn(json, "from", "human", "value", WithPlaces(problem, problem.Prompt, problem.Pictures.Count));
        Turn(json, "from", "gpt", "value", VlmR1Solution(problem));
        json.WriteEndArray();
        if (problem.Split is not null) json.WriteString("split", problem.Split);
        json.WriteEndObject();
    }

    /// <summary>VLM-R1 compares boxes of regions in pixels of the original picture, and names as they are.</summary>
    private static string VlmR1Solution(Problem problem)
    {
        if (problem is { Boxes: [var one], Label: null } && problem.Solution?.Contains("bbox_2d", StringComparison.Ordinal) != true)
        {
            if (problem.Pictures is not [var picture]) throw Lacks(problem, "one picture that its box is in");
            var (width, height) = one.Box.Frame == CoordinateFrame.Unit || one.Box.Frame == CoordinateFrame.Thousandths ? Size(picture) : ((int)one.Box.Frame.Width, (int)one.Box.Frame.Height);
            var box = one.Box.To(CoordinateFrame.Pixels(width, height));
            return string.Create(CultureInfo.InvariantCulture, $"[{Math.Round(box.X1)}, {Math.Round(box.Y1)}, {Math.Round(box.X2)}, {Math.Round(box.Y2)}]");
        }

        var solution = problem.Solution ?? problem.Label ?? throw Lacks(problem, "a solution: its coordinates are the model's own, so name the model");
        return AnswerParser.Parse(solution, AnswerKind.Label, default).Text;
    }

    private static (int Width, int Height) Size(ProblemPicture picture)
    {
        var header = picture.Bytes is { } bytes ? Imaging.PictureHeader.Read(bytes.Span, picture.Name)
            : picture.File is { } file ? Imaging.PictureHeader.Read(file)
            : throw new SightlineException(ErrorKind.BadData, $"the picture {picture.Name} has no file");
        return (header.UprightWidth, header.UprightHeight);
    }

    private static void ShareGpt(Utf8JsonWriter json, Problem problem, Func<ProblemPicture, string> nameOf)
    {
        json.WriteStartObject();
        json.WriteStartArray("messages");
        if (problem.System is not null) Turn(json, "role", "system", "content", problem.System);
        var placed = problem.Earlier.Sum(turn => VlmR1Reader.Count(turn.Text, Problem.PicturePlace));
        foreach (var turn in problem.Earlier) Turn(json, "role", turn.IsAnswer ? "assistant" : "user", "content", turn.Text);
        Turn(json, "role", "user", "content", WithPlaces(problem, problem.Prompt, problem.Pictures.Count - placed));
        Turn(json, "role", "assistant", "content", problem.Answer ?? throw Lacks(problem, "an answer to teach: its coordinates are the model's own, so name the model"));
        json.WriteEndArray();
        Texts(json, "images", problem.Pictures.Select(nameOf));
        if (problem.Split is not null) json.WriteString("split", problem.Split);
        json.WriteEndObject();
    }

    // pictures without a place stand before the words
    private static string WithPlaces(Problem problem, string text, int pictures)
    {
        var places = VlmR1Reader.Count(text, Problem.PicturePlace);
        if (places == pictures) return text;
        return places == 0 && pictures > 0
            ? string.Concat(Enumerable.Repeat(Problem.PicturePlace, pictures)) + text
            : throw Lacks(problem, $"as many places ({Problem.PicturePlace}) as pictures");
    }

    private static void Turn(Utf8JsonWriter json, string who, string speaker, string what, string text)
    {
        json.WriteStartObject();
        json.WriteString(who, speaker);
        json.WriteString(what, text);
        json.WriteEndObject();
    }

    private static ProblemPicture Only(Problem problem) => problem.Pictures is [var only] ? only : throw Lacks(problem, $"exactly one picture (it has {problem.Pictures.Count}), as Visual-RFT's form needs");

    private static void Frame(Utf8JsonWriter json, string name, CoordinateFrame frame)
    {
        if (frame == CoordinateFrame.Thousandths) json.WriteString(name, "thousandths");
        else if (frame == CoordinateFrame.Unit) json.WriteString(name, "unit");
        else
        {
            json.WriteStartArray(name);
            json.WriteNumberValue((int)frame.Width);
            json.WriteNumberValue((int)frame.Height);
            json.WriteEndArray();
        }
    }

    private static void Texts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static SightlineException Lacks(Problem problem, string what) => new(ErrorKind.BadData, $"{problem.Source ?? problem.Id}: the problem '{problem.Id}' lacks {what}");
}
