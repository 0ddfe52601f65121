using System.Text.Json;
using System.Text.Json.Serialization;
using Sightline.Checkpoints;
using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Tensors.Cpu;

namespace Sightline.Models;

/// <summary>
/// What a folder's <c>preprocessor_config.json</c> says about pictures: resize, crop the middle, normalise. Equal to the library's
/// Pillow-based processors to the last bit (its torchvision-based ones differ by a level here and there).
/// </summary>
public sealed class PicturePreprocessor
{
    private readonly Settings _settings;

    private PicturePreprocessor(Settings settings, PixelNormalization normalization)
    {
        _settings = settings;
        Normalization = normalization;
    }

    /// <summary>How levels become the model's numbers.</summary>
    public PixelNormalization Normalization { get; }

    /// <summary>Reads <c>preprocessor_config.json</c> of a model folder.</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: the file is missing or says something that is not supported.</exception>
    public static PicturePreprocessor Load(string folder)
    {
        using var opened = HuggingFaceFolder.Open(folder);
        var where = opened.Require("preprocessor_config.json");
        using var document = opened.ReadPreprocessor()!;
        return Read(document.RootElement, where);
    }

    /// <summary>From the object in <c>preprocessor_config.json</c>.</summary>
    /// <exception cref="SightlineException">BadModel: it says something that is not supported.</exception>
    public static PicturePreprocessor Read(JsonElement json, string where)
    {
        var settings = PublishedFolder.ReadConfig(json, PreprocessorJson.Default.Settings, where);
        PublishedFolder.Require(!settings.DoRescale || Math.Abs((settings.RescaleFactor * 255) - 1) < 1e-6, where, $"rescale_factor must be 1/255, is {settings.RescaleFactor}");
        PublishedFolder.Require(settings.DoRescale, where, "do_rescale is off, and models that take levels of 0..255 are not supported");
        PublishedFolder.Require(!settings.DoResize || settings.Size is { } size && (size.ShortestEdge > 0 || size is { Height: > 0, Width: > 0 }), where, "size must give shortest_edge, or height and width");
        PublishedFolder.Require(!settings.DoCenterCrop || settings.CropSize is { Height: > 0, Width: > 0 }, where, "crop_size must give height and width");
        PublishedFolder.Require(!settings.DoNormalize || (settings.ImageMean is { Length: 3 } && settings.ImageStd is { Length: 3 } std && std.All(s => s > 0)), where, "image_mean and image_std must be three numbers each, deviations positive");
        PublishedFolder.Require(settings.Resample is >= 0 and <= 5, where, $"resample must be one of Pillow's filters 0 to 5, is {settings.Resample}");
        return new PicturePreprocessor(settings, settings.DoNormalize ? new PixelNormalization(settings.ImageMean, settings.ImageStd) : PixelNormalization.None);
    }

    /// <summary>The picture that the model sees, before normalisation.</summary>
    public Picture Fit(Picture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (_settings.DoResize)
        {
            var size = _settings.Size!;
            if (size.IsOneNumber && _settings.DoCenterCrop) size = size with { ShortestEdge = size.Width };
            var (width, height) = Target(picture.Width, picture.Height, size);
            picture = picture.ResizeTo(width, height, Filter(_settings.Resample));
        }

        return _settings.DoCenterCrop ? CropMiddle(picture, _settings.CropSize!.Width, _settings.CropSize.Height) : picture;
    }

    /// <summary>A batch for a vision model, [B, H, W, 3].</summary>
    /// <exception cref="ArgumentException">The pictures come out in different sizes.</exception>
    public Tensor ToTensor(params ReadOnlySpan<Picture> pictures)
    {
        Tensor? pixels = null;
        for (var b = 0; b < pictures.Length; b++)
        {
            var seen = Fit(pictures[b]);
            pixels ??= Tensor.Empty([pictures.Length, seen.Height, seen.Width, 3], engine: CpuEngine.Instance);
            if (seen.Height != pixels.Shape[1] || seen.Width != pixels.Shape[2])
                throw new ArgumentException($"picture {b + 1} comes out as {seen.Width} x {seen.Height} and the first one as {pixels.Shape[2]} x {pixels.Shape[1]}: give them in batches of one size");
            var one = seen.Width * seen.Height * 3;
            Normalization.Write(seen, pixels.AsSpan<float>().Slice(b * one, one), PlaneOrder.Interleaved);
        }

        return pixels?.MoveTo(Engine.Default) ?? throw new ArgumentException("no picture was given", nameof(pictures));
    }

    /// <summary>The long side is rounded down, as in the reference (<c>image_transforms.get_resize_output_image_size</c>).</summary>
    private static (int Width, int Height) Target(int width, int height, SizeSettings size)
    {
        if (size.ShortestEdge == 0) return (size.Width, size.Height);
        var (shortSide, longSide) = (Math.Min(width, height), Math.Max(width, height));
        var longer = (int)((long)size.ShortestEdge * longSide / shortSide);
        return width <= height ? (size.ShortestEdge, longer) : (longer, size.ShortestEdge);
    }

    /// <summary>The middle; where the picture is smaller, black around it.</summary>
    private static Picture CropMiddle(Picture picture, int width, int height)
    {
        var (left, top) = (Half(picture.Width - width), Half(picture.Height - height));
        if (left >= 0 && top >= 0) return picture.Crop(new Box(left, top, left + width, top + height, picture.Frame));
        var rgb = new byte[width * height * 3];
        var (x0, x1) = (Math.Max(left, 0), Math.Min(left + width, picture.Width));
        for (var y = Math.Max(top, 0); y < Math.Min(top + height, picture.Height); y++)
            picture.Pixels.Slice(((y * picture.Width) + x0) * 3, (x1 - x0) * 3).CopyTo(rgb.AsSpan((((y - top) * width) + x0 - left) * 3));
        return new Picture(width, height, rgb);

        // rounded down, also below zero
        static int Half(int difference) => difference >> 1;
    }

    /// <summary>Pillow numbers its filters in the order of their invention.</summary>
    internal static ResizeFilter Filter(int resample) => resample switch
    {
        0 => ResizeFilter.Nearest,
        1 => ResizeFilter.Lanczos,
        2 => ResizeFilter.Bilinear,
        3 => ResizeFilter.Bicubic,
        4 => ResizeFilter.Box,
        _ => ResizeFilter.Hamming,
    };

    /// <summary>The file's keys that matter here.</summary>
    internal sealed record Settings
    {
        public bool DoResize { get; set; } = true;

        public bool DoCenterCrop { get; init; }

        public bool DoRescale { get; set; } = true;

        public bool DoNormalize { get; set; } = true;

        public double RescaleFactor { get; set; } = 1.0 / 255;

        public int Resample { get; set; } = 2;

        [JsonConverter(typeof(SizeConverter))]
        public SizeSettings? Size { get; init; }

        [JsonConverter(typeof(SizeConverter))]
        public SizeSettings? CropSize { get; init; }

        public float[]? ImageMean { get; init; }

        public float[]? ImageStd { get; init; }
    }

    /// <summary>Either the shortest edge, or both sides.</summary>
    internal sealed record SizeSettings(int ShortestEdge, int Width, int Height, bool IsOneNumber = false);

    /// <summary>Old files give one number: both sides of a square, or, for the resize before a crop (CLIP), the shortest edge.</summary>
    internal sealed class SizeConverter : JsonConverter<SizeSettings>
    {
        public override SizeSettings Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType == JsonTokenType.Number) return new SizeSettings(0, reader.GetInt32(), reader.GetInt32(), IsOneNumber: true);
            using var json = JsonDocument.ParseValue(ref reader);
            int Get(string name) => json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty(name, out var value) && value.TryGetInt32(out var number) ? number : 0;
            return new SizeSettings(Get("shortest_edge"), Get("width"), Get("height"));
        }

        public override void Write(Utf8JsonWriter writer, SizeSettings value, JsonSerializerOptions options) => throw new NotSupportedException("preprocessor settings are only read");
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PicturePreprocessor.Settings))]
internal sealed partial class PreprocessorJson : JsonSerializerContext;
