using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Imaging.Augmentation;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Training.Data;
using Sightline.Training.Expressions;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Grounding;

/// <summary>
/// Labelled pictures of a data set. In training: epochs in shuffled order, random changes, and class phrases mixed with freshly
/// generated expressions. In validation: every picture as it is, with the same phrases each time.
/// </summary>
public sealed class PictureSource : ISampleSource, IFingerprinted
{
    /// <summary>Pictures are scaled to at most so many times what fits the canvas: enough detail for the largest zoom.</summary>
    private const double Detail = 1.6;

    private readonly FusionProcessor _processor;
    private readonly PictureRecipe _recipe;
    private readonly DataSet _data;
    private readonly SampleExpressions _expressions;
    private readonly RandomStream _random;
    private readonly bool _training;
    private readonly Augmenter? _augmenter;
    private readonly PictureMemory? _memory;
    private readonly Picture?[] _pictures;
    private readonly ShuffledEpochs _order;

    /// <summary>Opens the data set; pictures are read when they are needed and then kept where there is room, scaled to what the canvas can show.</summary>
    /// <param name="name">As in the recipe.</param>
    /// <param name="recipe">Which pictures, and what is asked of them.</param>
    /// <param name="seed">Of the run.</param>
    /// <param name="processor">The model's.</param>
    /// <param name="training">Whether samples are shuffled and changed.</param>
    /// <param name="memory">Room for pictures; null: none is kept.</param>
    public PictureSource(string name, PictureRecipe recipe, ulong seed, FusionProcessor processor, bool training, PictureMemory? memory = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        Name = name;
        _recipe = recipe;
        _processor = processor;
        _training = training;
        _memory = memory;
        _random = new RandomStream(seed).Fork(name);
        _data = Select(DataSet.Open(recipe.Path), recipe);
        if (_data.Samples.Count == 0) throw new SightlineException(ErrorKind.BadData, $"source '{name}': {recipe.Path} has no sample in the chosen split");
        Names = recipe.Phrases is null ? ClassNames.Plain : ClassNames.LoadFor(_data, recipe.Phrases);
        ClassPhrases = recipe.Classes ? [.. _data.Classes.Select(Names.PhraseOf)] : [];
        _expressions = new SampleExpressions(_data, Names);
        _pictures = new Picture?[_data.Samples.Count];
        _order = new ShuffledEpochs(_data.Samples.Count, _random);
        _augmenter = training && recipe.Augmentation is { } options ? new Augmenter(processor.ImageSize, processor.ImageSize, options) : null;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int? Count => _data.Samples.Count;

    string? IFingerprinted.Fingerprint => DataFingerprint.Of(_data, _data.Classes.Select(Names.PhraseOf));

    int IFingerprinted.BoxesOutside => DataLint.CountOutside(_data);

    /// <summary>The chosen part of the data set.</summary>
    public DataSet Data => _data;

    /// <summary>Readable phrases of its classes.</summary>
    public ClassNames Names { get; }

    /// <summary>The class phrases that samples start with, in the order of the classes; empty where the recipe leaves them out.</summary>
    public IReadOnlyList<string> ClassPhrases { get; }

    /// <summary>Expressions generated for each picture when the source is measured; 0 where the data set brings its own phrases.</summary>
    public int GeneratedExpressions => HasOwnPhrases ? 0 : _recipe.Expressions;

    /// <summary>Whether expressions are asked beside the classes.</summary>
    public bool HasExpressions => HasOwnPhrases || _recipe.Expressions > 0;

    private bool HasOwnPhrases => _data.Samples.Any(sample => sample.Phrases.Any(phrase => phrase.IsGrounded));

    /// <summary>The most that the pixels of all its pictures can take, in bytes.</summary>
    internal long LargestPictureBytes => 3 * (long)Math.Ceiling(Math.Pow(Detail * _processor.ImageSize, 2)) * _data.Samples.Count;

    /// <inheritdoc/>
    public TrainingSample Get(long index)
    {
        var at = _training ? _order[index] : (int)index;
        var sample = _data.Samples[at];
        var random = _random.Fork((ulong)(_training ? index : at) + 1);
        try
        {
            var grounded = Turned(at, random);
            return TrainingSample.From($"{Name}/{sample.Id}", _augmenter is null ? grounded : Vary(grounded, _augmenter, random), _processor);
        }
        catch (SightlineException error)
        {
            throw new SightlineException(error.Kind, $"source '{Name}', sample '{sample.Id}': {error.Message}", error);
        }
    }

    /// <summary>The picture of a sample with all phrases that the recipe asks for, unchanged.</summary>
    public GroundedPicture Ground(int at)
    {
        var (sample, picture) = Turn(_data.Samples[at], Load(at), 0);
        return Ground(sample, picture, _random.Fork((ulong)at + 1));
    }

    /// <summary>The classes that the first phrases of a validation sample ask for, by number: all but those of which nobody knows.</summary>
    internal IReadOnlyList<int> ClassesAsked(int at) =>
        [.. Enumerable.Range(0, ClassPhrases.Count).Where(c => !SampleExpressions.IsUnknown(_data.Samples[at], _data.Classes[c]))];

    private static DataSet Select(DataSet data, PictureRecipe recipe)
    {
        if (recipe.HoldOutEvery > 0) data = DataSplit.ByBlocks(data, recipe.HoldOutBlock, recipe.HoldOutEvery).Where(recipe.HeldOutPart ? "val" : "train");
        if (recipe.Split is { } split) data = data.Where(split);
        return recipe.IncompleteLabels.Count == 0 ? data : data.WithIncomplete(recipe.IncompleteLabels);
    }

    private GroundedPicture Turned(int at, RandomStream random)
    {
        var (sample, picture) = Turn(_data.Samples[at], Load(at), _training && _recipe.QuarterTurns ? random.NextInt(4) : 0);
        return Ground(sample, picture, random);
    }

    /// <summary>A variation of one picture, or a mosaic with three others, if the recipe asks for mosaics and the four share a phrase.</summary>
    private GroundedPicture Vary(GroundedPicture grounded, Augmenter augmenter, RandomStream random)
    {
        if (_recipe.Augmentation!.MosaicProbability > 0 && random.NextBool(_recipe.Augmentation.MosaicProbability))
        {
            var others = Enumerable.Range(0, 3).Select(_ => Turned(random.NextInt(_data.Samples.Count), random));
            var mosaic = augmenter.Mosaic([grounded, .. others], random);
            if (mosaic.Phrases.Count > 0) return mosaic;
        }

        return augmenter.Apply(grounded, random);
    }

    /// <summary>The sample turned clockwise by quarters; its boxes then speak 0..1, since the kept picture may be smaller than the file.</summary>
    private static (DataSample Sample, Picture Picture) Turn(DataSample sample, Picture picture, int quarters)
    {
        var objects = sample.Objects.Select(o => o with { Box = Turn(o.Box.To(CoordinateFrame.Unit), quarters) });
        // EXIF numbers for a picture that must be turned by 90, 180 and 270 degrees
        var orientation = quarters switch { 1 => 6, 2 => 3, 3 => 8, _ => 1 };
        var phrases = sample.Phrases
            .Where(phrase => phrase.IsGrounded && (quarters == 0 || !PositionWords.AreIn(phrase.Text)))
            .Select(phrase => phrase with { Boxes = [.. phrase.Boxes.Select(box => Turn(box.To(CoordinateFrame.Unit), quarters))] });
        return (sample with { Objects = [.. objects], Phrases = [.. phrases] }, quarters == 0 ? picture : picture.Oriented(orientation));
    }

    private static Box Turn(Box box, int quarters)
    {
        for (; quarters > 0; quarters--) box = box with { X1 = 1 - box.Y2, Y1 = box.X1, X2 = 1 - box.Y1, Y2 = box.X2 };
        return box;
    }

    private GroundedPicture Ground(DataSample scaled, Picture picture, RandomStream random)
    {
        var phrases = new List<PhraseBoxes>();
        if (ClassPhrases.Count > 0) phrases.AddRange(_expressions.Detect(scaled, picture, _data.Classes).Phrases);
        phrases.AddRange(scaled.Phrases.Select(phrase => new PhraseBoxes(phrase.Text, [.. phrase.Boxes.Select(box => box.To(picture.Frame))])));
        if (_recipe.Expressions > 0) phrases.AddRange(_expressions.Ground(scaled, picture, _recipe.Expressions, random).Phrases);
        return new GroundedPicture(picture, phrases);
    }

    /// <summary>Two threads may read the same picture at once; both get the same pixels.</summary>
    private Picture Load(int at)
    {
        if (Volatile.Read(ref _pictures[at]) is { } kept) return kept;
        var picture = Picture.Decode(_data.ReadPictureBytes(_data.Samples[at]), name: _data.Samples[at].PictureFile);
        var scale = Detail * _processor.ImageSize / Math.Max(picture.Width, picture.Height);
        if (scale < 1) picture = picture.ResizeTo(Math.Max(1, (int)(picture.Width * scale)), Math.Max(1, (int)(picture.Height * scale)), ResizeFilter.Bilinear);
        _memory?.Offer(ref _pictures[at], picture);
        return picture;
    }
}
