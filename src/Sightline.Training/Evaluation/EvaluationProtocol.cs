namespace Sightline.Training.Evaluation;

/// <summary>What is asked of a vision-language model and what counts, for a figure that can be compared.</summary>
public enum EvaluationProtocol
{
    /// <summary>The field's own rules: every class is asked for in every picture, a name must be the whole name, and an answer that cannot be read is a miss.</summary>
    Official,

    /// <summary>
    /// As the projects that published the tuned models count: only classes that are in a picture are asked for there (Visual-RFT's detection); one name inside the
    /// other is right (its classification); questions whose answer cannot be read are left out (reasoning); IoU above 0.5, not at it (VLM-R1's regions).
    /// </summary>
    Published,

    /// <summary>The same answers, counted in both ways.</summary>
    Both,
}
