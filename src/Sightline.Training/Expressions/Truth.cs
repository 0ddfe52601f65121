namespace Sightline.Training.Expressions;

/// <summary>Whether an object is meant: clearly, clearly not, or too close to call.</summary>
public enum Truth : sbyte
{
    /// <summary>Clearly not meant.</summary>
    No = 0,

    /// <summary>Clearly meant.</summary>
    Yes = 1,

    /// <summary>Too close to call, or an attribute is not known.</summary>
    Unknown = 2,
}
