using System.Text.Json;
using System.Text.Json.Serialization;
using Sightline.Checkpoints;
using Sightline.Generation;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Tensors.Cpu;

namespace Sightline.Models.QwenVl;

/// <summary>
/// Pictures for Qwen2-VL, Qwen2.5-VL and Qwen3-VL: sizes that are whole merged patches, bicubic resize, normalisation, and
/// patches in the order in which the tower merges them. Equal to the last bit to <c>Qwen2VLImageProcessorPil</c> of transformers
/// (<c>image_processing_pil_qwen2_vl.py</c>), with which Visual-RFT's models were trained; the torchvision back end differs by up to a few
/// levels.
/// </summary>
public sealed class QwenImageProcessor
{
    // The reference refuses longer shapes: a side would round to nothing.
    private const double MaximumAspectRatio = 200;

    private readonly Settings _settings;

    private QwenImageProcessor(Settings settings, long minPixels, long maxPixels)
    {
        _settings = settings;
        (MinPixels, MaxPixels) = (minPixels, maxPixels);
        Normalization = settings.DoNormalize ? new PixelNormalization(settings.ImageMean, settings.ImageStd) : PixelNormalization.None;
    }

    /// <summary>Side of a patch in pixels: 14, in Qwen3-VL 16.</summary>
    public int PatchSize => _settings.PatchSize;

    /// <summary>Frames of a patch; a still picture is repeated.</summary>
    public int TemporalPatchSize => _settings.TemporalPatchSize;

    /// <summary>Side in patches of the square that becomes one token.</summary>
    public int MergeSize => _settings.MergeSize;

    /// <summary>Fewest pixels after resizing.</summary>
    public long MinPixels { get; }

    /// <summary>Most pixels after resizing.</summary>
    public long MaxPixels { get; }

    /// <summary>How levels become the model's numbers.</summary>
    public PixelNormalization Normalization { get; }

    /// <summary>Numbers of one patch: channels x frames x height x width.</summary>
    public int PatchLength => 3 * TemporalPatchSize * PatchSize * PatchSize;

    /// <summary>Reads <c>preprocessor_config.json</c> of a model folder.</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: the file is missing or says something that is not supported.</exception>
    public static QwenImageProcessor Load(string folder)
    {
        using var opened = HuggingFaceFolder.Open(folder);
        var where = opened.Require("preprocessor_config.json");
        using var document = opened.ReadPreprocessor()!;
        return Read(document.RootElement, where);
    }

    /// <summary>From the object in <c>preprocessor_config.json</c>; keys that it lacks have the values of the reference's class.</summary>
    /// <exception cref="SightlineException">BadModel: it says something that is not supported.</exception>
    public static QwenImageProcessor Read(JsonElement json, string where)
    {
        var settings = PublishedFolder.ReadConfig(json, QwenImageJson.Default.Settings, where);
        // Three generations of files: two keys at the top, the same keys in "size", and "size" with the names of edges (which are areas).
        var minPixels = settings.MinPixels ?? settings.Size?.MinPixels ?? settings.Size?.ShortestEdge ?? 56 * 56;
        var maxPixels = settings.MaxPixels ?? settings.Size?.MaxPixels ?? settings.Size?.LongestEdge ?? 28 * 28 * 1280;
        PublishedFolder.Require(settings.PatchSize is > 0 and <= 256 && settings.TemporalPatchSize is > 0 and <= 16 && settings.MergeSize is > 0 and <= 16, where, "patch_size, temporal_patch_size and merge_size must be small positive numbers");
        PublishedFolder.Require(minPixels > 0 && maxPixels >= minPixels, where, $"min_pixels must be positive and at most max_pixels, they are {minPixels} and {maxPixels}");
        PublishedFolder.Require(settings.DoRescale && Math.Abs((settings.RescaleFactor * 255) - 1) < 1e-6, where, "levels must be rescaled by 1/255 (do_rescale, rescale_factor)");
        PublishedFolder.Require(settings is { ImageMean.Length: 3, ImageStd.Length: 3 } && settings.ImageStd.All(s => s > 0), where, "image_mean and image_std must be three numbers each, deviations positive");
        PublishedFolder.Require(settings.Resample is >= 0 and <= 5, where, $"resample must be one of Pillow's filters 0 to 5, is {settings.Resample}");
        return new QwenImageProcessor(settings, minPixels, maxPixels);
    }

    /// <summary>The same processor with other limits, for a trade of detail against time.</summary>
    /// <exception cref="SightlineException">Usage: the limits are not positive or in the wrong order.</exception>
    public QwenImageProcessor WithPixels(long minPixels, long maxPixels) => minPixels > 0 && maxPixels >= minPixels
        ? new QwenImageProcessor(_settings, minPixels, maxPixels)
        : throw new SightlineException(ErrorKind.Usage, $"the fewest pixels of a picture must be positive and at most the most, not {minPixels} and {maxPixels}");

    /// <summary>
    /// The size that a picture is resized to: sides are multiples of <paramref name="factor"/>, the area is within the limits where that
    /// is possible, and the shape is kept as well as that allows. Halves are rounded to the even multiple.
    /// </summary>
    /// <param name="height">Pixels down.</param>
    /// <param name="width">Pixels across.</param>
    /// <param name="factor">Patch size x merge size.</param>
    /// <param name="minPixels">Smallest area.</param>
    /// <param name="maxPixels">Largest area.</param>
    /// <exception cref="SightlineException">BadPicture: no pixels, or one side more than 200 times the other.</exception>
    public static (int Height, int Width) SmartResize(int height, int width, int factor, long minPixels, long maxPixels)
    {
        if (height <= 0 || width <= 0) throw new SightlineException(ErrorKind.BadPicture, $"a picture of {width} x {height} has no pixels: give another one");
        var ratio = Math.Max(height, width) / (double)Math.Min(height, width);
        if (ratio > MaximumAspectRatio)
            throw new SightlineException(ErrorKind.BadPicture, $"a picture of {width} x {height} is too long for this model (one side may be at most {MaximumAspectRatio} times the other): cut it into parts");
        // double arithmetic in the order of the reference's smart_resize: the boundaries depend on it
        var area = (double)height * width;
        var (h, w) = (Near(height), Near(width));
        if (h * w > maxPixels)
        {
            var beta = Math.Sqrt(area / maxPixels);
            (h, w) = (Math.Max(factor, Below(height / beta)), Math.Max(factor, Below(width / beta)));
        }
        else if (h * w < minPixels)
        {
            var beta = Math.Sqrt(minPixels / area);
            (h, w) = (Above(height * beta), Above(width * beta));
        }

        return ((int)h, (int)w);

        long Near(int side) => (long)Math.Round(side / (double)factor, MidpointRounding.ToEven) * factor;
        long Below(double side) => (long)Math.Floor(side / factor) * factor;
        long Above(double side) => (long)Math.Ceiling(side / factor) * factor;
    }

    /// <summary>The grid of a picture of this size, without touching pixels: to plan how many tokens it costs.</summary>
    /// <exception cref="SightlineException">BadPicture: as <see cref="SmartResize"/>.</exception>
    public PictureGrid GridOf(int width, int height)
    {
        var (h, w) = Target(width, height);
        return new PictureGrid(1, h / PatchSize, w / PatchSize);
    }

    /// <summary>The picture as the model sees it.</summary>
    /// <exception cref="SightlineException">BadPicture: as <see cref="SmartResize"/>.</exception>
    public QwenPicture Fit(Picture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var (height, width) = Target(picture.Width, picture.Height);
        var resized = _settings.DoResize ? picture.ResizeTo(width, height, PicturePreprocessor.Filter(_settings.Resample)) : picture;
        return new QwenPicture(resized, new PictureGrid(1, height / PatchSize, width / PatchSize), picture.Frame);
    }

    /// <summary>
    /// <c>pixel_values</c> of one or more pictures, one after the other, [patches, 3 x TemporalPatchSize x PatchSize x PatchSize].
    /// Rows of a picture go block by block of MergeSize x MergeSize patches; columns are channel, frame, y, x.
    /// </summary>
    public Tensor ToTensor(params ReadOnlySpan<QwenPicture> pictures)
    {
        if (pictures.IsEmpty) throw new ArgumentException("no picture was given", nameof(pictures));
        var patches = 0;
        foreach (var picture in pictures) patches = checked(patches + picture.Grid.Patches);
        var pixels = Tensor.Empty([patches, PatchLength], engine: CpuEngine.Instance);
        var values = pixels.AsSpan<float>();
        foreach (var picture in pictures)
        {
            var length = picture.Grid.Patches * PatchLength;
            Write(picture, values[..length]);
            values = values[length..];
        }

        return pixels.MoveTo(Engine.Default);
    }

    /// <summary>The patches of one picture, as the generation engine takes them.</summary>
    public PicturePatches ToPatches(QwenPicture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var values = new float[picture.Grid.Patches * PatchLength];
        Write(picture, values);
        return new PicturePatches(values, picture.Grid);
    }

    /// <summary>Writes <c>pixel_values</c> of one picture, grid patches x <see cref="PatchLength"/> floats.</summary>
    public void Write(QwenPicture picture, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var (size, merge, stride) = (PatchSize, MergeSize, picture.Resized.Width * 3);
        var pixels = picture.Resized.Pixels;
        var at = 0;
        for (var blockY = 0; blockY < picture.Grid.Height; blockY += merge)
        {
            for (var blockX = 0; blockX < picture.Grid.Width; blockX += merge)
            {
                for (var i = 0; i < merge * merge; i++, at += PatchLength)
                {
                    var (y, x) = ((blockY + (i / merge)) * size, (blockX + (i % merge)) * size);
                    WritePatch(pixels[((y * stride) + (x * 3))..], stride, destination.Slice(at, PatchLength));
                }
            }
        }
    }

    private void WritePatch(ReadOnlySpan<byte> pixels, int stride, Span<float> patch)
    {
        var size = PatchSize;
        var frame = size * size;
        for (var c = 0; c < 3; c++)
        {
            var plane = patch.Slice(c * TemporalPatchSize * frame, TemporalPatchSize * frame);
            var levels = Normalization.Levels(c);
            for (var y = 0; y < size; y++)
            {
                var row = plane.Slice(y * size, size);
                for (int x = 0, from = (y * stride) + c; x < row.Length; x++, from += 3) row[x] = levels[pixels[from]];
            }

            for (var t = 1; t < TemporalPatchSize; t++) plane[..frame].CopyTo(plane[(t * frame)..]);
        }
    }

    private (int Height, int Width) Target(int width, int height)
    {
        var factor = PatchSize * MergeSize;
        if (_settings.DoResize) return SmartResize(height, width, factor, MinPixels, MaxPixels);
        return height % factor == 0 && width % factor == 0
            ? (height, width)
            : throw new SightlineException(ErrorKind.BadPicture, $"a picture of {width} x {height} does not consist of whole squares of {factor} pixels, and the model's preprocessor_config.json turns resizing off (do_resize)");
    }

    /// <summary>The file's keys that matter here; defaults are those of the reference's class.</summary>
    internal sealed record Settings
    {
        public bool DoResize { get; set; } = true;

        public bool DoRescale { get; set; } = true;

        public bool DoNormalize { get; set; } = true;

        public double RescaleFactor { get; set; } = 1.0 / 255;

        public int Resample { get; set; } = 3;

        public int PatchSize { get; set; } = 14;

        public int TemporalPatchSize { get; set; } = 2;

        public int MergeSize { get; set; } = 2;

        public long? MinPixels { get; set; }

        public long? MaxPixels { get; set; }

        public AreaSettings? Size { get; set; }

        public float[] ImageMean { get; set; } = [.. PixelNormalization.Clip.Mean];

        public float[] ImageStd { get; set; } = [.. PixelNormalization.Clip.Std];
    }

    /// <summary>Limits of the area; the "edges" of newer files are areas, too.</summary>
    internal sealed record AreaSettings
    {
        public long? ShortestEdge { get; set; }

        public long? LongestEdge { get; set; }

        public long? MinPixels { get; set; }

        public long? MaxPixels { get; set; }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(QwenImageProcessor.Settings))]
internal sealed partial class QwenImageJson : JsonSerializerContext;
