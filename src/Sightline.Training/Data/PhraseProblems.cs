using Sightline.Geometry;
using Sightline.Text.Answers;
using Sightline.Text.Prompts;

namespace Sightline.Training.Data;

/// <summary>Turns phrases and their boxes in a picture into problems: the question of a prompt template, the answer in the template's form and the model's coordinates.</summary>
public sealed class PhraseProblems
{
    private readonly PromptTemplate _template;
    private readonly Func<int, int, CoordinateFrame> _frame;
    private readonly int _step;

    /// <summary>A way of asking.</summary>
    /// <param name="prompt">A template for phrases, by name or file; null: the default one of the model type.</param>
    /// <param name="modelType">The <c>model_type</c> that chooses among default templates.</param>
    /// <param name="frame">The coordinates that the model speaks about a picture of this width and height, where the template demands none.</param>
    /// <param name="step">Coordinates in answers are rounded to multiples of this; the truth that rewards compare with only to the whole unit.</param>
    /// <exception cref="SightlineException">NotFound or BadData: the template. Usage: it is no template for phrases.</exception>
    public PhraseProblems(string? prompt, string modelType, Func<int, int, CoordinateFrame> frame, int step)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(step);
        _template = prompt is null ? PromptLibrary.For(GroundingTask.Phrase, modelType) : PromptLibrary.Get(prompt);
        (_frame, _step) = (frame, step);
        if (_template.Task is not GroundingTask.Phrase) throw new SightlineException(ErrorKind.Usage, $"the prompt {_template.Id} is for {_template.Task.ToString().ToLowerInvariant()}: a template that asks for a phrase is needed here, such as qwen2/phrase");
    }

    /// <summary>One conversation about a picture: the last question is the problem, those before it stand with their answers in earlier turns.</summary>
    /// <param name="id">Of the problem.</param>
    /// <param name="picture">The picture.</param>
    /// <param name="size">Its width and height.</param>
    /// <param name="questions">At least one phrase with its boxes, in a frame of the picture.</param>
    public Problem Make(string id, ProblemPicture picture, (int Width, int Height) size, params IReadOnlyList<(string Phrase, IReadOnlyList<Box> Boxes)> questions)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(questions);
        var frame = _template.Frame ?? _frame(size.Width, size.Height);
        var (phrase, boxes) = questions[^1];
        return new Problem(id, Question(phrase))
        {
            Pictures = [picture],
            Earlier = [.. questions.SkipLast(1).SelectMany(asked => new[] { new ProblemTurn(false, Question(asked.Phrase)), new ProblemTurn(true, Answer(asked.Boxes, frame)) })],
            Boxes = [.. boxes.Select(box => new LabelledBox("", box))],
            Frame = frame,
            Subject = phrase,
            Answer = Answer(boxes, frame),
        };
    }

    private string Question(string phrase) => string.Concat(_template.Fill(("phrase", phrase))[^1].Parts.Where(part => part.Type == "text").Select(part => part.Text));

    private string Answer(IReadOnlyList<Box> boxes, CoordinateFrame frame)
    {
        var answer = AnswerWriter.Boxes(_template.Form ?? AnswerForm.Pairs, [.. boxes.Select(box => new AnsweredBox(Round(box.To(frame).Clip())))], frame);
        return _template.HasThinking ? AnswerWriter.InTags("", answer) : answer;
    }

    private Box Round(Box box)
    {
        var ((x1, x2), (y1, y2)) = (Round(box.X1, box.X2, box.Frame.Width), Round(box.Y1, box.Y2, box.Frame.Height));
        return box with { X1 = x1, Y1 = y1, X2 = x2, Y2 = y2 };
    }

    /// <summary>Two edges as multiples inside the frame; those of a box smaller than a step are a step apart.</summary>
    private (double From, double To) Round(double from, double to, double extent)
    {
        var end = Math.Floor(extent / _step) * _step;
        var (first, last) = (Math.Min(Math.Round(from / _step) * _step, end), Math.Min(Math.Round(to / _step) * _step, end));
        if (first < last) return (first, last);
        first = Math.Max(0, Math.Min(Math.Floor(from / _step) * _step, end - _step));
        return (first, first + _step);
    }
}
