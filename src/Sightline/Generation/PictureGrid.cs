namespace Sightline.Generation;

/// <summary>The patches of a picture: <c>image_grid_thw</c> of the Qwen-VL processors.</summary>
/// <param name="Time">Pairs of frames; 1 for a still picture.</param>
/// <param name="Height">Patches down.</param>
/// <param name="Width">Patches across.</param>
public readonly record struct PictureGrid(int Time, int Height, int Width)
{
    /// <summary>Patches in all.</summary>
    public int Patches => Time * Height * Width;

    /// <summary>Image tokens when squares of <paramref name="mergeSize"/> x <paramref name="mergeSize"/> patches become one token.</summary>
    public int Tokens(int mergeSize = 2) => Patches / (mergeSize * mergeSize);

    /// <summary>As in messages: <c>1 x 16 x 20</c>.</summary>
    public override string ToString() => $"{Time} x {Height} x {Width}";
}
