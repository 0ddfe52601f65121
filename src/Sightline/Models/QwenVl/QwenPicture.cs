using Sightline.Generation;
using Sightline.Geometry;
using Sightline.Imaging;

namespace Sightline.Models.QwenVl;

/// <summary>A picture made ready for a vision tower: resized, with the grid of its patches.</summary>
/// <param name="Resized">What the model sees, in 8-bit levels.</param>
/// <param name="Grid">Its patches.</param>
/// <param name="OriginalFrame">The pixels of the picture that was given.</param>
public sealed record QwenPicture(Picture Resized, PictureGrid Grid, CoordinateFrame OriginalFrame)
{
    /// <summary>The pixels of the resized picture: the frame in which Qwen2.5-VL speaks.</summary>
    public CoordinateFrame ResizedFrame => Resized.Frame;
}
