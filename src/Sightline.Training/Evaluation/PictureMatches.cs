namespace Sightline.Training.Evaluation;

/// <summary>Which detection took which truth in one picture, for one class: what a person looks at to see the failures.</summary>
/// <param name="ImageId">The ground truth's number of the picture.</param>
/// <param name="CategoryId">The class; -1 when classes do not count.</param>
/// <param name="Detections">From the best score down.</param>
/// <param name="Truths">Those that count, then the ignored ones.</param>
public sealed record PictureMatches(long ImageId, int CategoryId, IReadOnlyList<MatchedDetection> Detections, IReadOnlyList<MatchedTruth> Truths);

/// <summary>A detection and what it took.</summary>
/// <param name="Index">Position in the detections, from 0.</param>
/// <param name="TruthId">The annotation that it took; null for none: a false alarm unless ignored.</param>
/// <param name="Iou">With that annotation; otherwise with the nearest one of its class.</param>
/// <param name="IsIgnored">Counts neither as right nor as wrong.</param>
public readonly record struct MatchedDetection(int Index, long? TruthId, double Iou, bool IsIgnored);

/// <summary>A truth and whether it was found.</summary>
/// <param name="Id">The annotation.</param>
/// <param name="IsFound">Some detection took it.</param>
/// <param name="IsIgnored">A crowd, or outside the area range: not missed when not found.</param>
public readonly record struct MatchedTruth(long Id, bool IsFound, bool IsIgnored);
