namespace Sightline.Models.Fusion;

/// <summary>
/// Where a patch lies on the canvas: its centre, and sines and cosines of it at octaves. Of the canvas and not of the picture
/// on it, because training places pictures anywhere; the grey beside a picture shows where it ends.
/// </summary>
internal static class PositionFeatures
{
    private const int Octaves = 6;

    /// <summary>Numbers a patch: x, y, and sine and cosine of both at each octave.</summary>
    public const int Channels = 2 + (Octaves * 4);

    /// <summary>Writes [side², <see cref="Channels"/>].</summary>
    public static void Write(Span<float> target, int side)
    {
        for (var row = 0; row < side; row++)
        {
            for (var column = 0; column < side; column++)
            {
                var features = target.Slice(((row * side) + column) * Channels, Channels);
                var (x, y) = ((column + 0.5) / side, (row + 0.5) / side);
                features[0] = (float)((x * 2) - 1);
                features[1] = (float)((y * 2) - 1);
                for (var octave = 0; octave < Octaves; octave++)
                {
                    var (sinX, cosX) = Math.SinCos(Math.PI * x * (1 << octave));
                    var (sinY, cosY) = Math.SinCos(Math.PI * y * (1 << octave));
                    var at = 2 + (octave * 4);
                    features[at] = (float)sinX;
                    features[at + 1] = (float)cosX;
                    features[at + 2] = (float)sinY;
                    features[at + 3] = (float)cosY;
                }
            }
        }
    }
}
