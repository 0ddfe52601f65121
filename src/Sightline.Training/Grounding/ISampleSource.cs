namespace Sightline.Training.Grounding;

/// <summary>
/// Samples by number. The same number always gives the same sample, whatever was asked before and on whichever thread, so a
/// run resumes at the exact sample by remembering one number.
/// </summary>
public interface ISampleSource
{
    /// <summary>As in the recipe.</summary>
    string Name { get; }

    /// <summary>Different samples; null for an endless source.</summary>
    int? Count { get; }

    /// <summary>Sample number <paramref name="index"/>; any number is allowed in a training source.</summary>
    TrainingSample Get(long index);
}
