using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Tensors.Cpu;
using Sightline.Text;

namespace Sightline.Models.Fusion;

/// <summary>
/// Between pictures with words and the model's tensors: the one preprocessor of training, evaluation and serving. A picture
/// is scaled to fit the middle of a square canvas, and the rest is filled with grey; pixels become (value / 255 - 0.5) / 0.25, or what a
/// published image encoder was trained with.
/// </summary>
public sealed class FusionProcessor(FusionConfig config, ITokenizer tokenizer)
{
    private readonly List<int> _ids = [];
    private readonly PixelNormalization? _normalization = config.ImageEncoder?.Normalization;

    /// <summary>Side of the canvas in pixels.</summary>
    public int ImageSize => config.ImageSize;

    /// <summary>The picture on its canvas.</summary>
    public CanvasPicture Fit(Picture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var placement = Placement.Fit(picture.Width, picture.Height, config.ImageSize, config.ImageSize);
        var isCanvas = picture.Width == config.ImageSize && picture.Height == config.ImageSize;
        return new CanvasPicture(isCanvas ? picture : placement.Render(picture, PixelColor.Neutral), placement);
    }

    /// <summary>A batch of canvases, [B, S, S, 3].</summary>
    public Tensor ToTensor(IReadOnlyList<CanvasPicture> canvases)
    {
        var side = config.ImageSize;
        var pixels = Tensor.Empty([canvases.Count, side, side, 3], engine: CpuEngine.Instance);
        for (var b = 0; b < canvases.Count; b++)
        {
            var source = canvases[b].Canvas.Pixels;
            var target = pixels.AsSpan<float>().Slice(b * side * side * 3, side * side * 3);
            _normalization?.Write(canvases[b].Canvas, target, PlaneOrder.Interleaved);
            if (_normalization is not null) continue;
            for (var i = 0; i < target.Length; i++) target[i] = (source[i] * (4f / 255)) - 2f;
        }

        return pixels.MoveTo(Engine.Default);
    }

    /// <summary>Word pieces of phrases, those of each picture together. Not thread-safe.</summary>
    public PhraseTokens ToTensors(IReadOnlyList<IReadOnlyList<string>> phrasesByPicture)
    {
        var ids = new List<long>();
        var places = new List<long>();
        var lengths = new List<int>();
        foreach (var phrase in phrasesByPicture.SelectMany(phrases => phrases))
        {
            var length = Tokenize(phrase, ids);
            for (var place = 0; place < length; place++) places.Add(place);
            lengths.Add(length);
        }

        return new PhraseTokens(
            Tensor.From([.. ids], [ids.Count]),
            Tensor.From([.. places], [places.Count]),
            [.. lengths],
            [.. phrasesByPicture.Select(phrases => phrases.Count)]);
    }

    /// <summary>How many word pieces at the end of a phrase are not read, because the model has no room for them. Not thread-safe.</summary>
    public int IgnoredWordPieces(string phrase)
    {
        _ids.Clear();
        tokenizer.Encode(phrase, _ids);
        return Math.Max(0, _ids.Count - config.MaxPhraseTokens);
    }

    private int Tokenize(string phrase, List<long> ids)
    {
        _ids.Clear();
        tokenizer.Encode(phrase, _ids);
        var length = Math.Min(_ids.Count, config.MaxPhraseTokens);
        for (var i = 0; i < length; i++) ids.Add(_ids[i]);
        if (length < _ids.Count && config.TextEncoder is not null) ids[^1] = _ids[^1]; // published encoders sum up at, or end with, the last token
        return length;
    }
}

/// <summary>A picture on a square canvas.</summary>
/// <param name="Canvas">The canvas.</param>
/// <param name="Placement">Where the picture lies on it.</param>
public sealed record CanvasPicture(Picture Canvas, Placement Placement)
{
    /// <summary>A box of the canvas (xyxy in 0..1) in pixels of the picture, cut to it.</summary>
    public Box ToSource(ReadOnlySpan<float> xyxy) => Placement.Back(new Box(xyxy[0], xyxy[1], xyxy[2], xyxy[3], CoordinateFrame.Unit)).Clip();

    /// <summary>A box of the picture, in any of its frames, in 0..1 of the canvas.</summary>
    public Box FromSource(Box box) => Placement.Forward(box).Clip().To(CoordinateFrame.Unit);
}
