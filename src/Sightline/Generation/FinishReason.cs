namespace Sightline.Generation;

/// <summary>Why an answer ended.</summary>
public enum FinishReason
{
    /// <summary>A stop token came.</summary>
    StopToken,

    /// <summary>The text reached a stop string.</summary>
    StopText,

    /// <summary>The answer is complete: its grammar allows nothing more.</summary>
    Complete,

    /// <summary>As many tokens as were asked for, or the context is full.</summary>
    Length,

    /// <summary>The request was cancelled.</summary>
    Cancelled,
}
