using Sightline.Imaging;

namespace Sightline.Grounding;

/// <summary>A model that answers phrases with boxes, of whatever architecture.</summary>
public interface IGroundingModel : IDisposable
{
    /// <summary>Architecture, sizes, parameters.</summary>
    string Description { get; }

    /// <summary>Answers all phrases about one picture. Not called from two threads at once.</summary>
    GroundingResult Ground(Picture picture, IReadOnlyList<string> phrases, GroundingOptions options, CancellationToken cancellationToken);
}
