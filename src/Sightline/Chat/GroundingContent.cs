using Microsoft.Extensions.AI;
using Sightline.Grounding;
using Sightline.Text.Answers;

namespace Sightline.Chat;

/// <summary>The boxes of an answer in one picture, beside its text.</summary>
/// <param name="detections">In pixels of one picture.</param>
/// <param name="status">How the answer was understood.</param>
/// <param name="problem">What is wrong with it, or null.</param>
public sealed class GroundingContent(IReadOnlyList<Detection> detections, AnswerStatus status, string? problem = null) : AIContent
{
    /// <summary>Which of the conversation's pictures the boxes are in, from 0; null where that is not known, and for an answer that there is nothing.</summary>
    public int? Picture { get; init; }

    /// <summary>Boxes of which it is not known which picture they are in, in the coordinates of the model (see <see cref="ConversationAnswer.Unplaced"/>).</summary>
    public IReadOnlyList<AnsweredBox> Unplaced { get; init; } = [];

    /// <summary>The boxes, in pixels of <see cref="Picture"/>.</summary>
    public IReadOnlyList<Detection> Detections { get; } = detections;

    /// <summary>How the answer was understood; <see cref="AnswerStatus.WrongFrame"/> has no boxes.</summary>
    public AnswerStatus Status { get; } = status;

    /// <summary>What is wrong with it, in one sentence; null where nothing is.</summary>
    public string? Problem { get; } = problem;
}
