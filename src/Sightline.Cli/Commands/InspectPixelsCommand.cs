using System.CommandLine;
using System.Globalization;
using Sightline.Checkpoints;
using Sightline.Generation;
using Sightline.Imaging;
using Sightline.Models.Fusion;
using Sightline.Models.QwenVl;
using Sightline.Tensors;
using Sightline.Text;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline inspect pixels</c>: the resized picture that a model sees, and its pixel values as safetensors.</summary>
internal sealed class InspectPixelsCommand : ToolCommand
{
    private readonly Argument<string> _picture = new("PICTURE") { Description = "Picture to prepare" };
    private readonly Option<string?> _model = new("--model", "-m") { Description = ModelLocation.OptionText, HelpName = "FOLDER" };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "Pixel values as safetensors", HelpName = "FILE" };
    private readonly Option<string?> _resized = new("--resized") { Description = "The resized picture", HelpName = "FILE" };

    public InspectPixelsCommand()
        : base("pixels", "The resized picture that a model sees, and its pixel values", "sightline inspect pixels photo.jpg --output pixels.safetensors --resized resized.png")
    {
        Add(_picture);
        Add(_model);
        Add(_output);
        Add(_resized);
        SetAction(parsed => Run(new Settings(parsed.GetRequiredValue(_picture), parsed.GetValue(_model), parsed.GetValue(_output), parsed.GetValue(_resized))));
    }

    private sealed record Settings(string Picture, string? Model, string? Output, string? Resized);

    private int Run(Settings settings)
    {
        var picture = Picture.Load(settings.Picture);
        using var folder = HuggingFaceFolder.Open(ModelLocation.Resolve(settings.Model));
        using var scope = TensorScope.Open();
        var seen = QwenVlConfig.ModelTypes.Contains(folder.ModelType) ? OfPatches(folder, picture) : OfCanvas(folder, picture);
        var pixels = seen.Pixels;
        if (settings.Resized is { } resized) seen.Resized.Save(resized);
        if (settings.Output is { } output)
        {
            var writer = new SafetensorsWriter();
            writer.Metadata["picture"] = settings.Picture;
            writer.Metadata["layout"] = seen.Layout;
            writer.Add("pixel_values", pixels);
            if (seen.Grid is { } grid) writer.Add("image_grid_thw", Tensor.From<long>([grid.Time, grid.Height, grid.Width], [1, 3]));
            writer.Save(output);
        }

        var values = pixels.ReadSpan<float>();
        double sum = 0;
        var (least, most) = (float.MaxValue, float.MinValue);
        foreach (var value in values) (sum, least, most) = (sum + value, Math.Min(least, value), Math.Max(most, value));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"picture: {picture.Width} x {picture.Height}"));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{(seen.Grid is null ? "canvas" : "resized")}: {seen.Resized.Width} x {seen.Resized.Height}"));
        if (seen.Grid is { } patches) Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"patches: {patches}, {seen.Tokens} image tokens"));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"pixel values {pixels.Shape}: mean {sum / values.Length:0.0000}, {least:0.0000} .. {most:0.0000}"));
        return ExitCode.Success;
    }

    private sealed record Seen(Picture Resized, Tensor Pixels, string Layout, PictureGrid? Grid = null, int Tokens = 0);

    private static Seen OfCanvas(HuggingFaceFolder folder, Picture picture)
    {
        if (folder.ModelType != FusionConfig.ModelType)
            throw new SightlineException(ErrorKind.BadModel, $"{folder.Path}: the pixels of the architecture '{folder.ModelType}' cannot be shown; known are {FusionConfig.ModelType}, {string.Join(", ", QwenVlConfig.ModelTypes)}");
        var processor = new FusionProcessor(FusionFolder.ReadConfig(folder), Tokenizer.Load(folder.Path));
        var canvas = processor.Fit(picture);
        return new Seen(canvas.Canvas, processor.ToTensor([canvas]), "NHWC"); // [1, S, S, 3]
    }

    private static Seen OfPatches(HuggingFaceFolder folder, Picture picture)
    {
        var processor = QwenImageProcessor.Load(folder.Path);
        var ready = processor.Fit(picture);
        return new Seen(ready.Resized, processor.ToTensor(ready), "patches; channel, frame, row, column", ready.Grid, ready.Grid.Tokens(processor.MergeSize)); // [P, 3 x T x S x S]
    }
}
