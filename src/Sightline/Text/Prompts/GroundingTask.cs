namespace Sightline.Text.Prompts;

/// <summary>What a vision-language model can be asked about a picture.</summary>
public enum GroundingTask
{
    /// <summary>One phrase to one box.</summary>
    Phrase,

    /// <summary>All objects of some categories.</summary>
    Detection,

    /// <summary>A question whose answer is a region; the model thinks first.</summary>
    Reasoning,

    /// <summary>A phrase to points.</summary>
    Pointing,

    /// <summary>A name for what the picture shows.</summary>
    Classification,

    /// <summary>Boxes for the objects that a caption names.</summary>
    Caption,
}
