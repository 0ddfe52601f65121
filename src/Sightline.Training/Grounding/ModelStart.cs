using Sightline.Checkpoints;
using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Training.Recipes;

namespace Sightline.Training.Grounding;

/// <summary>Makes the model that a recipe starts from: anew, from a model folder, with encoders from published folders.</summary>
internal static class ModelStart
{
    private const string Image = "image_encoder.backbone.";
    private const string Text = "text_encoder.backbone.";

    public static FusionModel Create(FusionConfig config, ModelRecipe recipe, ulong seed)
    {
        if (recipe is { InitializeFrom: null, ImageEncoderFrom: null, TextEncoderFrom: null }) return new FusionModel(config, ParameterStore.Initialize(seed));
        using var image = recipe.ImageEncoderFrom is { } imageFolder ? config.ImageEncoder!.OpenWeights(imageFolder) : null;
        using var text = recipe.TextEncoderFrom is { } textFolder ? config.TextEncoder!.OpenWeights(textFolder) : null;
        using var rest = recipe.InitializeFrom is { } path ? Open(path) : null;
        var parts = new List<(string, IParameterSource)>();
        if (image is not null) parts.Add((Image, new CheckpointParameters(image)));
        if (text is not null) parts.Add((Text, new CheckpointParameters(text)));
        var parameters = ParameterStore.From(new PartedParameters(parts, rest is null ? null : new CheckpointParameters(rest)), seed);
        try
        {
            var model = new FusionModel(config, parameters);
            if (image is not null) parameters.RequirePart(Image, recipe.ImageEncoderFrom!);
            if (text is not null) parameters.RequirePart(Text, recipe.TextEncoderFrom!);
            if (rest is not null) parameters.RequireComplete(recipe.InitializeFrom!);
            return model;
        }
        catch
        {
            parameters.Dispose();
            throw;
        }
    }

    private static Checkpoint Open(string path)
    {
        using var folder = HuggingFaceFolder.Open(path);
        if (folder.ReadQuantization() is not null) throw new SightlineException(ErrorKind.BadModel, $"{path} is quantized and cannot be trained further: start from the folder that it was made from.");
        return folder.OpenCheckpoint();
    }
}
