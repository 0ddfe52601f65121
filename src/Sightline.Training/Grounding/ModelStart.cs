using Sightline.Checkpoints;
using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Training.Recipes;

namespace Sightline.Training.Grounding;

/// <summary>Makes the model that a recipe starts from.</summary>
internal static class ModelStart
{
    public static FusionModel Create(FusionConfig config, ModelRecipe recipe, ulong seed)
    {
        if (recipe.InitializeFrom is not { } path) return new FusionModel(config, ParameterStore.Initialize(seed));
        using var folder = HuggingFaceFolder.Open(path);
        using var checkpoint = folder.OpenCheckpoint();
        var parameters = ParameterStore.From(new CheckpointParameters(checkpoint), seed);
        var model = new FusionModel(config, parameters);
        parameters.RequireComplete(path);
        return model;
    }
}
