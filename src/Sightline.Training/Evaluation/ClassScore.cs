namespace Sightline.Training.Evaluation;

/// <summary>The figures of one class; -1 where there is nothing to find.</summary>
/// <param name="Id">The ground truth's number.</param>
/// <param name="Name">What a person calls it.</param>
/// <param name="Truths">Annotations that count.</param>
/// <param name="Detections">Answers that were scored.</param>
/// <param name="Ap">Mean over the IoU thresholds.</param>
/// <param name="Ap50">At IoU 0.5.</param>
/// <param name="Ap75">At IoU 0.75.</param>
/// <param name="Ar">Greatest recall, mean over the IoU thresholds, at the greatest number of detections.</param>
/// <param name="ApInterval">Over redrawn pictures, where asked for.</param>
public sealed record ClassScore(int Id, string Name, long Truths, int Detections, double Ap, double Ap50, double Ap75, double Ar, Interval? ApInterval = null);
