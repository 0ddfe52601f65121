namespace Sightline.Training.Scenes;

/// <summary>A closed outline of straight edges, in the unit circle around the origin; several loops make holes when wound the other way.</summary>
internal sealed class Outline
{
    private const double Turn = 2 * Math.PI;
    private readonly (double X, double Y)[][] _loops;

    private Outline(params (double X, double Y)[][] loops) => _loops = loops;

    public IReadOnlyList<(double X, double Y)[]> Loops => _loops;

    /// <summary>The outline of a shape name, y down.</summary>
    public static Outline Of(string shape) => All.TryGetValue(shape, out var outline)
        ? outline
        : throw new ArgumentException($"no shape is called '{shape}'; known: {string.Join(", ", All.Keys)}");

    /// <summary>Every shape name with its outline.</summary>
    public static IReadOnlyDictionary<string, Outline> All { get; } = new Dictionary<string, Outline>
    {
        ["circle"] = new(Regular(48, 1, 0)),
        ["square"] = new([(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]),
        ["triangle"] = new(Regular(3, 1, -0.25)),
        ["star"] = new(Star(5, 1, 0.42)),
        ["ring"] = new(Regular(48, 1, 0), Reverse(Regular(40, 0.56, 0))),
        ["cross"] = new([(-0.3, -0.95), (0.3, -0.95), (0.3, -0.3), (0.95, -0.3), (0.95, 0.3), (0.3, 0.3), (0.3, 0.95), (-0.3, 0.95), (-0.3, 0.3), (-0.95, 0.3), (-0.95, -0.3), (-0.3, -0.3)]),
        ["diamond"] = new([(0, -1), (0.62, 0), (0, 1), (-0.62, 0)]),
        ["hexagon"] = new(Regular(6, 0.95, 0)),
        ["heart"] = new(Heart()),
        ["crescent"] = new(Crescent()),
    };

    /// <summary>How far each shape may be turned (radians, either way) and still be called by its name.</summary>
    public static double Tilt(string shape) => shape switch
    {
        "circle" or "ring" => 0,
        "star" or "hexagon" => Math.PI,
        "triangle" => 0.5,
        "crescent" => 0.6,
        _ => 0.22,
    };

    private static (double X, double Y)[] Regular(int corners, double radius, double startTurns) =>
        [.. Enumerable.Range(0, corners).Select(i => At(radius, startTurns + ((double)i / corners)))];

    private static (double X, double Y)[] Star(int points, double outer, double inner) =>
        [.. Enumerable.Range(0, 2 * points).Select(i => At(i % 2 == 0 ? outer : inner, (i / (2.0 * points)) - 0.25))];

    // two lobes by the usual sine curve, scaled into the unit circle
    private static (double X, double Y)[] Heart() =>
        [.. Enumerable.Range(0, 44).Select(i =>
        {
            var t = Turn * i / 44;
            var s = Math.Sin(t);
            return (0.95 * s * s * s, -((13 * Math.Cos(t)) - (5 * Math.Cos(2 * t)) - (2 * Math.Cos(3 * t)) - Math.Cos(4 * t) + 2.5) / 17.2);
        })];

    // the outer arc of the unit circle and back along a circle that is shifted to the right
    private static (double X, double Y)[] Crescent()
    {
        const double Shift = 0.5, Inner = 0.82;
        var outerAngle = Math.Acos((1 + (Shift * Shift) - (Inner * Inner)) / (2 * Shift));
        var innerAngle = Math.Acos((1 - (Shift * Shift) - (Inner * Inner)) / (2 * Shift * Inner));
        var outer = Enumerable.Range(0, 36).Select(i => outerAngle + ((Turn - (2 * outerAngle)) * i / 35)).Select(a => (Math.Cos(a), Math.Sin(a)));
        var inner = Enumerable.Range(1, 26).Select(i => (Turn - innerAngle) - ((Turn - (2 * innerAngle)) * i / 27)).Select(a => (Shift + (Inner * Math.Cos(a)), Inner * Math.Sin(a)));
        return [.. outer.Concat(inner)];
    }

    private static (double X, double Y)[] Reverse((double X, double Y)[] loop) => [.. loop.AsEnumerable().Reverse()];

    private static (double X, double Y) At(double radius, double turns) => (radius * Math.Cos(Turn * turns), radius * Math.Sin(Turn * turns));
}
