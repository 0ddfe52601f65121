using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Training.Data;

namespace Sightline.Training.Expressions;

/// <summary>
/// Referring expressions about the pictures of a data set that has boxes only. What may be asked for where it is absent is
/// the data set's own classes.
/// </summary>
public sealed class SampleExpressions
{
    private readonly ExpressionGenerator _generator;
    private readonly ClassNames _names;
    private readonly bool _colors;

    /// <summary>A source of expressions for a data set.</summary>
    /// <param name="data">Gives the class names.</param>
    /// <param name="names">Readable phrases for them.</param>
    /// <param name="options">Kinds and margins; <see cref="ExpressionOptions.Labels"/> is filled from the data set when empty.</param>
    /// <param name="colors">True to name the colours of objects from their pixels, where that is safe.</param>
    public SampleExpressions(DataSet data, ClassNames names, ExpressionOptions? options = null, bool colors = false)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new ExpressionOptions { Mix = new ExpressionMix { Attribute = colors ? 1 : 0 } };
        if (options.Labels.Count == 0) options = options with { Labels = data.Classes };
        (_names, _colors) = (names, colors);
        _generator = new ExpressionGenerator(names, options);
    }

    /// <summary>
    /// The objects of a sample as expressions see them: in pixels, without empty boxes. Crowds, difficult objects and classes
    /// that are not labelled everywhere are marked so that no phrase depends on them.
    /// </summary>
    public IReadOnlyList<DescribedObject> Describe(DataSample sample, Picture picture)
    {
        ArgumentNullException.ThrowIfNull(sample);
        ArgumentNullException.ThrowIfNull(picture);
        var objects = new List<DescribedObject>(sample.Objects.Count);
        foreach (var o in sample.Objects)
        {
            var box = o.Box.To(picture.Frame).Clip();
            if (box.IsEmpty) continue;
            objects.Add(new DescribedObject(box, o.Label)
            {
                Color = _colors ? RegionColor.Name(picture, box) : null,
                IsUncertain = o.Crowd || o.Difficult || (sample.IncompleteLabels?.Contains(o.Label) ?? false),
            });
        }

        return objects;
    }

    /// <summary>Up to <paramref name="count"/> expressions about a sample, with their meanings.</summary>
    public IReadOnlyList<Expression> Make(IReadOnlyList<DescribedObject> objects, int count, RandomStream random) => _generator.Generate(objects, count, random);

    /// <summary>
    /// A training sample: the picture with up to <paramref name="count"/> generated phrases; boxes in its pixels. None says that a class is
    /// absent of which nobody knows (<see cref="IsUnknown"/>).
    /// </summary>
    public GroundedPicture Ground(DataSample sample, Picture picture, int count, RandomStream random)
    {
        var objects = Describe(sample, picture);
        var phrases = Make(objects, count, random).Where(e => e is not { Kind: ExpressionKind.Absent, Meaning.Of.Label: { } label } || !IsUnknown(sample, label));
        return new GroundedPicture(picture, [.. phrases.Select(e => e.ToPhraseBoxes(objects))]);
    }

    /// <summary>
    /// Whether the labels leave open if a class is in the picture: it has no box of its own there, but lies in a crowd, or is not labelled everywhere,
    /// or the data set lists the absent classes (LVIS) and this is none of them. Such a class is neither present nor absent.
    /// </summary>
    public static bool IsUnknown(DataSample sample, string label)
    {
        ArgumentNullException.ThrowIfNull(sample);
        var own = sample.Objects.Where(o => o.Label == label).ToList();
        if (own.Any(o => !o.Crowd)) return false;
        return own.Count > 0
            || (sample.IncompleteLabels?.Contains(label) ?? false)
            || (sample.AbsentLabels is { } absent && !absent.Contains(label));
    }

    /// <summary>
    /// A detection sample: the usual phrase of every class of the data set with all its boxes (none where the class is
    /// absent), without classes of which nobody knows (<see cref="IsUnknown"/>). Crowd boxes are left out.
    /// </summary>
    public GroundedPicture Detect(DataSample sample, Picture picture, IReadOnlyList<string> classes)
    {
        ArgumentNullException.ThrowIfNull(sample);
        ArgumentNullException.ThrowIfNull(classes);
        var phrases = classes.Where(label => !IsUnknown(sample, label)).Select(label => new PhraseBoxes(_names.PhraseOf(label),
            (IReadOnlyList<Box>)[.. sample.Objects.Where(o => o.Label == label && !o.Crowd).Select(o => o.Box.To(picture.Frame).Clip()).Where(b => !b.IsEmpty)])
        { PositionSensitive = false });
        return new GroundedPicture(picture, [.. phrases]);
    }
}
