using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Training.Expressions;

namespace Sightline.Training.Scenes;

/// <summary>
/// Draws scenes of simple shapes with referring expressions, for pre-training and tests. Random access: scene i depends
/// only on the options, the seed and i, so a loader can resume at any sample and any thread can make any scene.
/// Thread-safe.
/// </summary>
public sealed class SceneGenerator
{
    private readonly SceneOptions _options;
    private readonly RandomStream _seed;
    private readonly ExpressionGenerator _expressions;
    private readonly ThreadLocal<CoverageRaster> _raster = new(() => new CoverageRaster());

    /// <summary>A generator; the seed names an endless sequence of scenes.</summary>
    /// <exception cref="SightlineException">BadRecipe: an option is out of range, or names an unknown shape, colour or texture.</exception>
    public SceneGenerator(SceneOptions options, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        _options = options;
        _seed = new RandomStream(seed);
        _expressions = new ExpressionGenerator(ClassNames.Plain, new ExpressionOptions
        {
            Mix = options.Mix,
            Margins = options.Margins,
            AnyObject = ["shape", "object"],
            Labels = options.Shapes,
            Colors = options.Colors,
            Textures = options.Textures.Count > 1 ? options.Textures : [],
            HeldOut = options.ShowHeldOut ? new HashSet<(string, string)>() : new HashSet<(string, string)>(options.HeldOut),
        });
    }

    /// <summary>Scene <paramref name="index"/> as a training sample; boxes in pixels of its picture.</summary>
    public GroundedPicture Generate(long index) => GenerateScene(index).ToGroundedPicture();

    /// <summary>Scene <paramref name="index"/> with its objects and the meanings of its phrases.</summary>
    public Scene GenerateScene(long index)
    {
        var random = _seed.Fork((ulong)index);
        var (width, height) = (Side(random), Side(random));
        var rgb = new byte[width * height * 3];
        var raster = _raster.Value!;
        SceneBackground.Fill(rgb, width, height, raster, random);
        var objects = Place(rgb, width, height, raster, random);
        return new Scene(new Picture(width, height, rgb), objects, Describe(objects, random));
    }

    private IReadOnlyList<Expression> Describe(List<DescribedObject> objects, RandomStream random)
    {
        if (!_options.ShowHeldOut) return _expressions.Generate(objects, _options.PhrasesPerScene, random);
        // for the zero-shot test many are made and those kept that mean a pair never seen
        var kept = _expressions.Generate(objects, 6 * _options.PhrasesPerScene, random)
            .Where(e => e.Targets.Count > 0 && e.Targets.Any(i => IsHeldOut(objects[i].Color!, objects[i].Label)))
            .Take(_options.PhrasesPerScene).ToList();
        return kept;
    }

    private List<DescribedObject> Place(byte[] rgb, int width, int height, CoverageRaster raster, RandomStream random)
    {
        var count = random.NextInt(_options.MinimumObjects, _options.MaximumObjects + 1);
        var objects = new List<DescribedObject>(count);
        var repeat = random.NextBool(_options.DistractorShare);
        for (var attempt = 0; objects.Count < count && attempt < 12 * count; attempt++)
        {
            var template = repeat && objects.Count > 0 && random.NextBool(0.6) ? random.Choose(objects) : null;
            if (!TryDrawLooks(objects, template, random, out var looks)) continue;
            var figure = Figure.Draw(looks, width, height, _options, random);
            if (Collides(figure.Box, objects)) continue;
            figure.Paint(rgb, width, height, raster, random);
            objects.Add(new DescribedObject(figure.Box, looks.Shape) { Color = looks.Color, Texture = looks.Texture, Size = looks.Size });
        }

        return objects;
    }

    /// <summary>Shape, colour, texture and size; with a template it shares its shape or its colour.</summary>
    private bool TryDrawLooks(List<DescribedObject> objects, DescribedObject? template, RandomStream random, out Looks looks)
    {
        var (shape, color) = (random.Choose(_options.Shapes), random.Choose(_options.Colors));
        if (_options.ShowHeldOut && objects.Count == 0) (color, shape) = random.Choose([.. _options.HeldOut.Order()]);
        else if (template is not null && random.NextBool()) shape = template.Label;
        else if (template is not null) color = template.Color!;
        var texture = _options.Textures.Contains("plain") && random.NextBool(_options.PlainShare) ? "plain" : random.Choose(_options.Textures);
        looks = new Looks(shape, color, texture, random.NextBool() ? "small" : "large");
        return _options.ShowHeldOut || !IsHeldOut(color, shape);
    }

    private bool IsHeldOut(string color, string shape) => _options.HeldOut.Contains((color, shape));

    private bool Collides(in Box box, List<DescribedObject> objects)
    {
        foreach (var other in objects)
        {
            var width = Math.Min(box.X2, other.Box.X2) - Math.Max(box.X1, other.Box.X1);
            var height = Math.Min(box.Y2, other.Box.Y2) - Math.Max(box.Y1, other.Box.Y1);
            if (width > 0 && height > 0 && width * height > _options.MaximumOverlap * Math.Min(box.Area, other.Box.Area)) return true;
        }

        return false;
    }

    private int Side(RandomStream random)
    {
        var steps = (_options.MaximumSide - _options.MinimumSide) / 16;
        return _options.MinimumSide + (16 * random.NextInt(steps + 1));
    }

    private static void Check(SceneOptions o)
    {
        Require(o.MinimumSide >= 32 && o.MaximumSide >= o.MinimumSide && o.MaximumSide <= 4096, $"sides of {o.MinimumSide}..{o.MaximumSide} pixels; allowed are 32..4096");
        Require(o.MinimumObjects >= 1 && o.MaximumObjects >= o.MinimumObjects && o.MaximumObjects <= 64, $"{o.MinimumObjects}..{o.MaximumObjects} objects; allowed are 1..64");
        Require(o.PhrasesPerScene is >= 0 and <= 64, $"{o.PhrasesPerScene} phrases a scene; allowed are 0..64");
        Require(o.SmallRadius.From > 0 && o.SmallRadius.To >= o.SmallRadius.From && o.LargeRadius.To >= o.LargeRadius.From && o.LargeRadius.To <= 0.45, "object radii; allowed are shares of the side above 0 up to 0.45");
        RequireKnown("shape", o.Shapes, SceneOptions.AllShapes);
        RequireKnown("colour", o.Colors, SceneOptions.AllColors);
        RequireKnown("texture", o.Textures, SceneOptions.AllTextures);
        foreach (var (color, shape) in o.HeldOut) Require(o.Colors.Contains(color) && o.Shapes.Contains(shape), $"the held-out pair '{color} {shape}', which is not among its colours and shapes");
        Require(!o.ShowHeldOut || o.HeldOut.Count > 0, "a zero-shot test without held-out pairs");
        Require(o.ShowHeldOut || o.HeldOut.Count < o.Colors.Count * o.Shapes.Count, "every pair held out");
    }

    private static void RequireKnown(string what, IReadOnlyList<string> names, IReadOnlyList<string> known)
    {
        Require(names.Count > 0, $"no {what}");
        foreach (var name in names) Require(known.Contains(name), $"the {what} '{name}'; known: {string.Join(", ", known)}");
    }

    private static void Require(bool holds, string what)
    {
        if (!holds) throw new SightlineException(ErrorKind.BadRecipe, $"the scene generator cannot make scenes with {what}");
    }
}
