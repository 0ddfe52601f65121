using System.CommandLine;
using System.Globalization;
using Sightline.Checkpoints;
using Sightline.Imaging;
using Sightline.Models.Fusion;
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
        if (folder.ModelType != FusionConfig.ModelType)
            throw new SightlineException(ErrorKind.BadModel, $"{folder.Path}: the pixels of the architecture '{folder.ModelType}' cannot be shown; known is '{FusionConfig.ModelType}'");
        var processor = new FusionProcessor(FusionFolder.ReadConfig(folder), Tokenizer.Load(folder.Path));
        var canvas = processor.Fit(picture);
        using var scope = TensorScope.Open();
        var pixels = processor.ToTensor([canvas]); // [1, S, S, 3]
        if (settings.Resized is { } resized) canvas.Canvas.Save(resized);
        if (settings.Output is { } output)
        {
            var writer = new SafetensorsWriter();
            writer.Metadata["picture"] = settings.Picture;
            writer.Metadata["layout"] = "NHWC";
            writer.Add("pixel_values", pixels);
            writer.Save(output);
        }

        var values = pixels.ReadSpan<float>();
        double sum = 0;
        var (least, most) = (float.MaxValue, float.MinValue);
        foreach (var value in values) (sum, least, most) = (sum + value, Math.Min(least, value), Math.Max(most, value));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"picture: {picture.Width} x {picture.Height}"));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"canvas: {canvas.Canvas.Width} x {canvas.Canvas.Height}"));
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"pixel values {pixels.Shape}: mean {sum / values.Length:0.0000}, {least:0.0000} .. {most:0.0000}"));
        return ExitCode.Success;
    }
}
