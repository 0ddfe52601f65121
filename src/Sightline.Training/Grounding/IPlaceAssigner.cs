namespace Sightline.Training.Grounding;

/// <summary>Decides which places of the grid answer for which object of a picture.</summary>
public interface IPlaceAssigner
{
    /// <summary>Appends the assignments of one picture to <paramref name="result"/>, in the order of places.</summary>
    /// <param name="boxes">One predicted box a place, xyxy in 0..1, [M, 4].</param>
    /// <param name="logits">Alignment of each phrase with each place, [P, M].</param>
    /// <param name="sample">The objects and phrases.</param>
    /// <param name="result">Receives the assignments.</param>
    void Assign(ReadOnlySpan<float> boxes, ReadOnlySpan<float> logits, TrainingSample sample, List<Assignment> result);
}

/// <summary>A place answers for an object; the quality in 0..1 is what its alignment should become.</summary>
public readonly record struct Assignment(int Place, int Object, float Quality);

/// <summary>How places are matched to objects.</summary>
public enum MatchingKind
{
    /// <summary>Many places an object, see <see cref="TaskAlignedAssigner"/>; duplicates are suppressed afterwards.</summary>
    OneToMany,

    /// <summary>One place an object, see <see cref="HungarianAssigner"/>.</summary>
    OneToOne,
}
