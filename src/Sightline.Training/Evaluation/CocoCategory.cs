namespace Sightline.Training.Evaluation;

/// <summary>A class of things in a COCO or LVIS ground truth.</summary>
/// <param name="Id">The file's own number.</param>
/// <param name="Name">What a person calls it.</param>
/// <param name="Frequency">LVIS: 'r'are, 'c'ommon or 'f'requent; otherwise '\0'.</param>
public sealed record CocoCategory(int Id, string Name, char Frequency = '\0');
