using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Tensors;

namespace Sightline.Imaging.Augmentation;

/// <summary>
/// Varies labelled pictures for training and keeps their labels true. Mirror, scale, shift and crop are drawn first and
/// joined into one <see cref="Placement"/>, so the picture is resampled once, straight to the canvas; colour and blur then
/// work on the canvas. The same sample and the same state of the random stream give the same bits.
/// <para>Labels: mirrored pictures exchange the words of <see cref="MirroredWords"/>. A box that is mostly cut away is
/// dropped, others are clipped. A phrase whose objects are all gone means "nothing here", unless remnants can still be
/// seen: then the crop is drawn again. Pictures with a phrase that is sensitive to position are never cropped.</para>
/// <para>Stateless and thread-safe; each caller brings its own random stream.</para>
/// </summary>
public sealed class Augmenter
{
    private const int Draws = 10;
    private readonly AugmentationOptions _options;

    /// <summary>Makes pictures of one size.</summary>
    /// <exception cref="ArgumentException">A size is not positive or a range makes no sense.</exception>
    public Augmenter(int width, int height, AugmentationOptions? options = null)
    {
        if (width <= 0 || height <= 0) throw new ArgumentException($"a canvas of {width} x {height} is no picture");
        _options = options ?? new AugmentationOptions();
        if (!(_options.ScaleLow > 0) || _options.ScaleHigh < _options.ScaleLow)
            throw new ArgumentException($"the scale range {_options.ScaleLow} to {_options.ScaleHigh} is not a range of positive numbers");
        (Width, Height) = (width, height);
    }

    /// <summary>Width of the pictures made.</summary>
    public int Width { get; }

    /// <summary>Height of the pictures made.</summary>
    public int Height { get; }

    /// <summary>The sample on the canvas, unvaried: for evaluation. Boxes are in pixels of the canvas.</summary>
    public GroundedPicture Plain(GroundedPicture sample) => Place(sample, Fit(sample.Picture), cropped: false);

    /// <summary>A variation of the sample. Boxes are in pixels of the canvas.</summary>
    public GroundedPicture Apply(GroundedPicture sample, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(sample);
        ArgumentNullException.ThrowIfNull(random);
        var (placement, cropped) = DrawPlacement(sample, random);
        var placed = Place(sample, placement, cropped);
        Recolor(placed.Picture, random);
        return placed;
    }

    /// <summary>
    /// Four samples around a random point of one canvas. Only phrases that all four were labelled with (also with
    /// "nothing here") and that are not sensitive to position stay: of the others nobody knows the answer.
    /// </summary>
    /// <exception cref="ArgumentException">Not four samples.</exception>
    public GroundedPicture Mosaic(IReadOnlyList<GroundedPicture> samples, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(random);
        if (samples.Count != 4) throw new ArgumentException($"a mosaic takes 4 samples, got {samples.Count}");
        var centerX = Math.Clamp((int)(Width * random.NextDouble(0.35, 0.65)), 1, Width - 1);
        var centerY = Math.Clamp((int)(Height * random.NextDouble(0.35, 0.65)), 1, Height - 1);
        var canvas = new Picture(Width, Height, new byte[checked(Width * Height * 3)]);
        var shared = samples[0].Phrases.Where(p => !p.PositionSensitive && samples.All(s => s.Phrases.Any(q => q.Phrase == p.Phrase)))
            .Select(p => p.Phrase).Distinct().ToDictionary(p => p, _ => new List<Box>());
        for (var k = 0; k < 4; k++)
        {
            var (left, width) = k % 2 == 0 ? (0, centerX) : (centerX, Width - centerX);
            var (top, height) = k < 2 ? (0, centerY) : (centerY, Height - centerY);
            var placement = DrawTile(samples[k].Picture, width, height, k, random);
            placement.RenderInto(samples[k].Picture, canvas, left, top, _options.Fill);
            foreach (var phrase in samples[k].Phrases)
            {
                if (!shared.TryGetValue(phrase.Phrase, out var boxes)) continue;
                foreach (var box in phrase.Boxes)
                {
                    if (Keep(placement.Forward(box)) is { } b) boxes.Add(new Box(b.X1 + left, b.Y1 + top, b.X2 + left, b.Y2 + top, canvas.Frame));
                }
            }
        }

        Recolor(canvas, random);
        return new GroundedPicture(canvas, [.. shared.Select(p => new PhraseBoxes(p.Key, p.Value) { PositionSensitive = false })]);
    }

    private Placement Fit(Picture picture) => Placement.Fit(picture.Width, picture.Height, Width, Height, _options.Fit);

    private (Placement Placement, bool Cropped) DrawPlacement(GroundedPicture sample, RandomStream random)
    {
        var mirrorX = random.NextBool(_options.MirrorProbability);
        var mirrorY = random.NextBool(_options.VerticalMirrorProbability);
        var mayCrop = random.NextBool(_options.CropProbability) && (_options.DropSensitivePhrases || !sample.Phrases.Any(p => p.PositionSensitive));
        for (var draw = 0; draw < Draws; draw++)
        {
            var placement = DrawGeometry(sample.Picture, mayCrop, random) with { MirrorX = mirrorX, MirrorY = mirrorY };
            if (placement.ShowsEverything) return (placement, false);
            if (IsTruthful(sample, placement)) return (placement, true);
        }

        return (DrawGeometry(sample.Picture, mayCrop: false, random) with { MirrorX = mirrorX, MirrorY = mirrorY }, false);
    }

    /// <summary>Scale relative to fitting, then a shift over the room that the picture has, or lacks, on the canvas.</summary>
    private Placement DrawGeometry(Picture picture, bool mayCrop, RandomStream random)
    {
        var fit = Fit(picture);
        var high = mayCrop ? _options.ScaleHigh : Math.Min(_options.ScaleHigh, 1);
        var low = Math.Min(_options.ScaleLow, high);
        var scale = Math.Exp(random.NextDouble(Math.Log(low), Math.Log(high)));
        var aspect = Math.Exp(random.NextDouble(-1, 1) * Math.Log(1 + _options.AspectJitter) / 2);
        var (scaleX, scaleY) = (fit.ScaleX * scale * aspect, fit.ScaleY * scale / aspect);
        if (!mayCrop)
        {
            scaleX = Math.Min(scaleX, (double)Width / picture.Width);
            scaleY = Math.Min(scaleY, (double)Height / picture.Height);
        }

        var shiftX = Shift(Width - (scaleX * picture.Width), Width, random);
        var shiftY = Shift(Height - (scaleY * picture.Height), Height, random);
        return Placement.Create(picture.Width, picture.Height, Width, Height, scaleX, scaleY, shiftX, shiftY);
    }

    /// <summary>Half of the room, moved by at most the other half and by at most the allowed part of the canvas.</summary>
    private double Shift(double room, int canvas, RandomStream random)
    {
        var reach = Math.Min(Math.Abs(room) / 2, _options.Translation * canvas);
        return (room / 2) + (random.NextDouble(-1, 1) * reach);
    }

    /// <summary>A tile of a mosaic: the picture fills its quarter or nearly so, cut at the quarter's edges.</summary>
    private Placement DrawTile(Picture picture, int width, int height, int corner, RandomStream random)
    {
        var cover = Math.Max((double)width / picture.Width, (double)height / picture.Height);
        var contain = Math.Min((double)width / picture.Width, (double)height / picture.Height);
        var scale = contain + ((cover - contain) * random.NextDouble());
        var (roomX, roomY) = (width - (scale * picture.Width), height - (scale * picture.Height));
        // a smaller picture touches the mosaic's centre, a larger one is cut anywhere
        var shiftX = roomX > 0 ? (corner % 2 == 0 ? roomX : 0) : roomX * random.NextDouble();
        var shiftY = roomY > 0 ? (corner < 2 ? roomY : 0) : roomY * random.NextDouble();
        var placement = Placement.Create(picture.Width, picture.Height, width, height, scale, scale, shiftX, shiftY);
        return placement with { MirrorX = random.NextBool(_options.MirrorProbability), MirrorY = random.NextBool(_options.VerticalMirrorProbability) };
    }

    /// <summary>False when a phrase loses all its boxes while a remnant is still in sight, or when no box at all is left.</summary>
    private bool IsTruthful(GroundedPicture sample, Placement placement)
    {
        var (before, after) = (0, 0);
        foreach (var phrase in sample.Phrases)
        {
            var (kept, remnant) = (0, false);
            foreach (var box in phrase.Boxes)
            {
                var target = placement.Forward(box);
                if (Keep(target) is not null) kept++;
                else remnant |= target.Clip().Area > _options.MaxRemnant * target.Area;
            }

            if (kept == 0 && remnant) return false;
            before += phrase.Boxes.Count;
            after += kept;
        }

        return after > 0 || before == 0;
    }

    /// <summary>The visible part of a box, null when too little of it is left.</summary>
    private Box? Keep(Box box)
    {
        var visible = box.Clip();
        var (minWidth, minHeight) = (Math.Min(_options.MinSide, box.Width), Math.Min(_options.MinSide, box.Height));
        return !box.IsEmpty && visible.Area >= _options.MinVisible * box.Area && visible.Width >= minWidth && visible.Height >= minHeight ? visible : null;
    }

    private GroundedPicture Place(GroundedPicture sample, Placement placement, bool cropped)
    {
        var phrases = new List<PhraseBoxes>(sample.Phrases.Count);
        foreach (var phrase in sample.Phrases)
        {
            if (cropped && phrase.PositionSensitive) continue;
            var boxes = new List<Box>(phrase.Boxes.Count);
            foreach (var box in phrase.Boxes)
            {
                if (Keep(placement.Forward(box)) is { } kept) boxes.Add(kept);
            }

            var words = placement.MirrorX ? MirroredWords.LeftRight(phrase.Phrase) : phrase.Phrase;
            if (placement.MirrorY) words = MirroredWords.TopBottom(words);
            phrases.Add(new PhraseBoxes(words, boxes) { PositionSensitive = phrase.PositionSensitive });
        }

        return new GroundedPicture(placement.Render(sample.Picture, _options.Fill), phrases);
    }

    private void Recolor(Picture canvas, RandomStream random)
    {
        if (random.NextBool(_options.ColorProbability)) ColorShift.Draw(canvas, _options, random).Apply(canvas);
        if (random.NextBool(_options.BlurProbability)) GaussianBlur.Apply(canvas, random.NextDouble(0.3, Math.Max(_options.BlurSigma, 0.3)));
    }
}
