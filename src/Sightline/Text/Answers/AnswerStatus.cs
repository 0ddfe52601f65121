namespace Sightline.Text.Answers;

/// <summary>What a model's answer turned out to be.</summary>
public enum AnswerStatus
{
    /// <summary>Everything in it was understood.</summary>
    Complete,

    /// <summary>It ends in the middle (a length limit); what was whole before is there.</summary>
    Truncated,

    /// <summary>Some of it is no answer of the kind that was asked for; what was understood is there.</summary>
    Malformed,

    /// <summary>It was understood, but its numbers cannot be coordinates of the frame that the model was taken to speak.</summary>
    WrongFrame,

    /// <summary>The model says that what was asked for is not in the picture.</summary>
    NothingThere,
}
