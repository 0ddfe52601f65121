using Microsoft.Extensions.AI;
using Sightline.Grounding;
using Sightline.Text.Answers;

namespace Sightline.Chat;

/// <summary>The boxes of an answer, beside its text.</summary>
/// <param name="detections">In pixels of the picture that was asked about.</param>
/// <param name="status">How the answer was understood.</param>
/// <param name="problem">What is wrong with it, or null.</param>
public sealed class GroundingContent(IReadOnlyList<Detection> detections, AnswerStatus status, string? problem = null) : AIContent
{
    /// <summary>The boxes, in pixels of the picture that was asked about.</summary>
    public IReadOnlyList<Detection> Detections { get; } = detections;

    /// <summary>How the answer was understood; <see cref="AnswerStatus.WrongFrame"/> has no boxes.</summary>
    public AnswerStatus Status { get; } = status;

    /// <summary>What is wrong with it, in one sentence; null where nothing is.</summary>
    public string? Problem { get; } = problem;
}
