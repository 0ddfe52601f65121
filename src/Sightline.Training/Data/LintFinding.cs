namespace Sightline.Training.Data;

/// <summary>What lint can find; the name in kebab case is what scripts see.</summary>
public enum LintRule
{
    /// <summary>A box reaches out of its picture by more than a pixel.</summary>
    BoxOutside,

    /// <summary>A box without area, or with swapped corners, or not a number.</summary>
    EmptyBox,

    /// <summary>Boxes that are plainly in other coordinates than the format says.</summary>
    WrongFrame,

    /// <summary>The same box with the same label twice in a picture.</summary>
    DuplicateBox,

    /// <summary>A picture file that is not there.</summary>
    MissingPicture,

    /// <summary>A picture that cannot be read.</summary>
    BadPicture,

    /// <summary>The stated size is not the picture's.</summary>
    WrongSize,

    /// <summary>The same picture twice, byte for byte or in what it shows.</summary>
    DuplicatePicture,

    /// <summary>The same picture, or nearly, in two splits.</summary>
    Leakage,

    /// <summary>A label that is not among the classes.</summary>
    UnknownClass,

    /// <summary>A phrase with nothing in it.</summary>
    EmptyPhrase,

    /// <summary>A phrase without boxes.</summary>
    PhraseWithoutBoxes,

    /// <summary>A problem whose solution cannot be read, or says something else than its typed truth.</summary>
    BadSolution,

    /// <summary>A sample id that stands twice.</summary>
    DuplicateId,

    /// <summary>A label that belongs to no picture of the set.</summary>
    StrayLabel,
}

/// <summary>How much a finding matters.</summary>
public enum LintSeverity
{
    /// <summary>Worth knowing.</summary>
    Note,

    /// <summary>Probably a mistake.</summary>
    Warning,

    /// <summary>Training or measuring on this would be wrong.</summary>
    Error,
}

/// <summary>One thing that lint found.</summary>
/// <param name="Rule">What kind of thing.</param>
/// <param name="Severity">How much it matters.</param>
/// <param name="Where">The sample, or the data set's name.</param>
/// <param name="Message">One clear sentence.</param>
public sealed record LintFinding(LintRule Rule, LintSeverity Severity, string Where, string Message);
