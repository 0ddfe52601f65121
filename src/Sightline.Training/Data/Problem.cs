using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// One problem for a vision-language model: pictures and a question, and what is known of the right answer. Rewards need <see cref="Solution"/> or the typed
/// truth that it can be written from; supervised training needs <see cref="Answer"/>. All that is typed is optional: null says "not known", an empty list "none".
/// </summary>
/// <param name="Id">Unique in its source; stands in logs and messages.</param>
/// <param name="Prompt">
/// The user's words. Each <c>&lt;image></c> in them takes the next picture; pictures without such a place stand before the words.
/// </param>
public sealed record Problem(string Id, string Prompt)
{
    /// <summary>The place of a picture in <see cref="Prompt"/> and in the words of <see cref="Earlier"/>.</summary>
    public const string PicturePlace = "<image>";

    /// <summary>The pictures in order.</summary>
    public IReadOnlyList<ProblemPicture> Pictures { get; init; } = [];

    /// <summary>The message before the conversation; null for that of the model's chat template.</summary>
    public string? System { get; init; }

    /// <summary>What was said before the prompt, the user first, by turns.</summary>
    public IReadOnlyList<ProblemTurn> Earlier { get; init; } = [];

    /// <summary>What rewards compare an answer with, in the very form that they expect; null: written from <see cref="Boxes"/> or <see cref="Label"/> where a reward asks for it, and else <see cref="Answer"/>.</summary>
    public string? Solution { get; init; }

    /// <summary>
    /// The coordinates that the prompt demands and <see cref="Solution"/> and <see cref="Answer"/> speak; null: those that the model speaks by itself about its
    /// (resized) picture.
    /// </summary>
    public CoordinateFrame? Frame { get; init; }

    /// <summary>The true boxes, in any frame of the first picture; a mask stands in <see cref="LabelledBox.Segmentation"/>.</summary>
    public IReadOnlyList<LabelledBox>? Boxes { get; init; }

    /// <summary>True points, in any frame of the first picture, as boxes without an extent.</summary>
    public IReadOnlyList<Box>? Points { get; init; }

    /// <summary>The true name of what the picture shows.</summary>
    public string? Label { get; init; }

    /// <summary>Names that count as <see cref="Label"/>.</summary>
    public IReadOnlyList<string> Synonyms { get; init; } = [];

    /// <summary>What was asked for, where it is one thing (a category, a phrase); for evaluation.</summary>
    public string? Subject { get; init; }

    /// <summary>What supervised training teaches to answer, without an end token.</summary>
    public string? Answer { get; init; }

    /// <summary>"train", "val", ... or null.</summary>
    public string? Split { get; init; }

    /// <summary>The file and line that it was read from, for messages.</summary>
    public string? Source { get; init; }
}

/// <summary>A message of an earlier turn.</summary>
/// <param name="IsAnswer">Whether the model is to have said it; supervised training then teaches it, too.</param>
/// <param name="Text">The words.</param>
public sealed record ProblemTurn(bool IsAnswer, string Text);
