namespace Sightline.Training.Evaluation;

/// <summary>What is in the pictures of a set, and what a model found there.</summary>
/// <param name="Truth">What is there.</param>
/// <param name="Detections">What was found.</param>
public sealed record DetectionRun(CocoGroundTruth Truth, IReadOnlyList<CocoDetection> Detections)
{
    /// <summary>How the answers could be read.</summary>
    public AnswerTally Spoken { get; init; } = new();

    /// <summary>
    /// The run as it would have been if each picture had been asked only for the classes that are in it: Visual-RFT's protocol, in which a box of a class that is not
    /// there cannot be given. What is there stays the same.
    /// </summary>
    public DetectionRun OfPresentClasses()
    {
        var present = Truth.Annotations.Select(truth => (truth.ImageId, truth.CategoryId)).ToHashSet();
        return this with { Detections = [.. Detections.Where(found => present.Contains((found.ImageId, found.CategoryId)))] };
    }
}
