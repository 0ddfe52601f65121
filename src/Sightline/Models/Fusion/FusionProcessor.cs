using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Text;

namespace Sightline.Models.Fusion;

/// <summary>
/// Between pictures with words and the model's tensors: the one preprocessor of training, evaluation and serving. A picture
/// is scaled to fit the square canvas, upper left, and the rest is filled with grey; pixels become (value / 255 - 0.5) / 0.25.
/// </summary>
public sealed class FusionProcessor(FusionConfig config, ITokenizer tokenizer)
{
    /// <summary>The canvas beside the picture.</summary>
    private const byte Fill = 114;

    private readonly List<int> _ids = [];

    /// <summary>Side of the canvas in pixels.</summary>
    public int ImageSize => config.ImageSize;

    /// <summary>Size of a picture once it is scaled to the canvas.</summary>
    public (int Width, int Height) FitSize(int width, int height)
    {
        var scale = Math.Min((double)config.ImageSize / width, (double)config.ImageSize / height);
        return (Math.Clamp((int)Math.Round(width * scale), 1, config.ImageSize), Math.Clamp((int)Math.Round(height * scale), 1, config.ImageSize));
    }

    /// <summary>The picture on its canvas.</summary>
    public CanvasPicture Fit(Picture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var (width, height) = FitSize(picture.Width, picture.Height);
        var scaled = picture.Width == width && picture.Height == height ? picture : picture.ResizeTo(width, height, ResizeFilter.Bilinear);
        if (width == config.ImageSize && height == config.ImageSize) return new CanvasPicture(scaled, width, height);
        var canvas = new byte[config.ImageSize * config.ImageSize * 3];
        Array.Fill(canvas, Fill);
        for (var y = 0; y < height; y++)
            scaled.Pixels.Slice(y * width * 3, width * 3).CopyTo(canvas.AsSpan(y * config.ImageSize * 3));
        return new CanvasPicture(new Picture(config.ImageSize, config.ImageSize, canvas), width, height);
    }

    /// <summary>A batch of canvases, [B, S, S, 3].</summary>
    public Tensor ToTensor(IReadOnlyList<CanvasPicture> canvases)
    {
        var side = config.ImageSize;
        var pixels = Tensor.Empty([canvases.Count, side, side, 3]);
        for (var b = 0; b < canvases.Count; b++)
        {
            var source = canvases[b].Canvas.Pixels;
            var target = pixels.AsSpan<float>().Slice(b * side * side * 3, side * side * 3);
            for (var i = 0; i < target.Length; i++) target[i] = (source[i] * (4f / 255)) - 2f;
        }

        return pixels;
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

    /// <summary>A box of the canvas (0..1) as a box of the picture (0..1), cut to the picture.</summary>
    public Box FromCanvas(ReadOnlySpan<float> xyxy, CanvasPicture canvas)
    {
        double side = config.ImageSize;
        return new Box(
            xyxy[0] * side / canvas.FilledWidth,
            xyxy[1] * side / canvas.FilledHeight,
            xyxy[2] * side / canvas.FilledWidth,
            xyxy[3] * side / canvas.FilledHeight,
            CoordinateFrame.Unit).Clip();
    }

    /// <summary>A box of the picture, in any frame, as xyxy in 0..1 of the canvas.</summary>
    public (float X1, float Y1, float X2, float Y2) ToCanvas(Box box, CanvasPicture canvas)
    {
        var unit = box.To(CoordinateFrame.Unit);
        var scaleX = (double)canvas.FilledWidth / config.ImageSize;
        var scaleY = (double)canvas.FilledHeight / config.ImageSize;
        return ((float)(unit.X1 * scaleX), (float)(unit.Y1 * scaleY), (float)(unit.X2 * scaleX), (float)(unit.Y2 * scaleY));
    }

    private int Tokenize(string phrase, List<long> ids)
    {
        _ids.Clear();
        tokenizer.Encode(phrase, _ids);
        var length = Math.Min(_ids.Count, config.MaxPhraseTokens);
        for (var i = 0; i < length; i++) ids.Add(_ids[i]);
        return length;
    }
}

/// <summary>A picture scaled into the upper left of a square canvas.</summary>
/// <param name="Canvas">The canvas.</param>
/// <param name="FilledWidth">Pixels of the canvas that the picture covers, across.</param>
/// <param name="FilledHeight">And down.</param>
public sealed record CanvasPicture(Picture Canvas, int FilledWidth, int FilledHeight);
