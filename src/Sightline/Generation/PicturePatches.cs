namespace Sightline.Generation;

/// <summary>
/// A picture as a Qwen-VL image encoder takes it: <c>pixel_values</c> of the reference processors. Patches of one square of merged
/// patches follow one another; within a patch the order is channel, frame, row, column.
/// </summary>
/// <param name="Values">Normalised levels, [P, channels x frames x size x size].</param>
/// <param name="Grid">How the patches lie.</param>
public sealed record PicturePatches(ReadOnlyMemory<float> Values, PictureGrid Grid);
