namespace Sightline;

/// <summary>What went wrong, in the classes that scripts can act on; the command line exits with the number.</summary>
public enum ErrorKind
{
    /// <summary>A defect of Sightline itself.</summary>
    Internal = 1,

    /// <summary>Options or arguments that make no sense.</summary>
    Usage = 2,

    /// <summary>A file or folder that is not there or cannot be read.</summary>
    NotFound = 3,

    /// <summary>A picture that is damaged, of an unknown format, empty or too large.</summary>
    BadPicture = 4,

    /// <summary>A data or annotation file that cannot be understood.</summary>
    BadData = 5,

    /// <summary>A model folder or checkpoint that cannot be used.</summary>
    BadModel = 6,

    /// <summary>A recipe with an unknown key or a value out of range.</summary>
    BadRecipe = 7,

    /// <summary>A result that could not be written (full disk, no permission).</summary>
    CannotWrite = 8,

    /// <summary>A run that stopped itself: a non-finite loss, a tripwire.</summary>
    RunStopped = 9,

    /// <summary>A native library that is missing.</summary>
    MissingLibrary = 10,

    /// <summary>A check that ran and did not hold (lint, verify).</summary>
    CheckFailed = 11,

    /// <summary>Not enough memory for what was asked.</summary>
    OutOfMemory = 12,

    /// <summary>A server that cannot be reached, refuses, or sends something else than it promised.</summary>
    Network = 13,
}

/// <summary>
/// An error that the user can act on. The message is one sentence that says what, where and what to do; it needs no
/// stack trace.
/// </summary>
public sealed class SightlineException(ErrorKind kind, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The class of the error; its number is the exit code of the command line.</summary>
    public ErrorKind Kind { get; } = kind;
}
