namespace Sightline.Models.Fusion;

/// <summary>
/// Where a patch lies in its picture: sines and cosines of its centre, relative to the picture's own extents, at octaves.
/// Relative, because phrases say "left" and "bottom" of the picture, not of the canvas it is padded to.
/// </summary>
internal static class PositionFeatures
{
    private const int Octaves = 6;

    /// <summary>Numbers a patch: x, y, and sine and cosine of both at each octave, plus whether it lies in the picture.</summary>
    public const int Channels = 3 + (Octaves * 4);

    /// <summary>Writes [side², <see cref="Channels"/>] for one picture that fills the given parts (0..1) of the canvas.</summary>
    public static void Write(Span<float> target, int side, double filledWidth, double filledHeight)
    {
        for (var row = 0; row < side; row++)
        {
            for (var column = 0; column < side; column++)
            {
                var features = target.Slice(((row * side) + column) * Channels, Channels);
                var x = (column + 0.5) / side / filledWidth;
                var y = (row + 0.5) / side / filledHeight;
                features[0] = (float)((x * 2) - 1);
                features[1] = (float)((y * 2) - 1);
                features[2] = x <= 1 && y <= 1 ? 1 : 0;
                for (var octave = 0; octave < Octaves; octave++)
                {
                    var (sinX, cosX) = Math.SinCos(Math.PI * x * (1 << octave));
                    var (sinY, cosY) = Math.SinCos(Math.PI * y * (1 << octave));
                    var at = 3 + (octave * 4);
                    features[at] = (float)sinX;
                    features[at + 1] = (float)cosX;
                    features[at + 2] = (float)sinY;
                    features[at + 3] = (float)cosY;
                }
            }
        }
    }
}
