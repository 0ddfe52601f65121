using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Training.Optim;
using Sightline.Training.Recipes;

namespace Sightline.Training.Grounding;

/// <summary>What a stage carries from step to step: everything that a checkpoint must hold.</summary>
public sealed class StageState : IDisposable
{
    /// <summary>Freezes what the stage freezes and makes a fresh optimizer.</summary>
    public StageState(TrainingRecipe recipe, int index, FusionModel model)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        Index = index;
        Recipe = recipe.Stages[index];
        Model = model;
        Freeze(Recipe, index, model);

        foreach (var prefix in Recipe.LearningRateFactors.Keys)
        {
            if (!model.Parameters.All.Any(parameter => parameter.Path.StartsWith(prefix, StringComparison.Ordinal)))
                throw new SightlineException(ErrorKind.BadRecipe, $"stages[{index}].learning_rate_factors names '{prefix}', but no parameter's path starts so");
        }

        var matrices = Recipe.Optimizer == OptimizerKind.Muon ? model.Parameters.All.Where(Muon.Takes).ToHashSet() : [];
        Matrices = new Muon(matrices, Factor, _ => Recipe.WeightDecay);
        Optimizer = new AdamW(model.Parameters.All.Where(parameter => !matrices.Contains(parameter)), new AdamWOptions(Beta2: 0.98), Factor, parameter => parameter.Decays ? Recipe.WeightDecay : 0);
        Average = Recipe.AverageDecay > 0 ? new WeightAverage(model.Parameters.All) : null;
    }

    /// <summary>Which stage of the recipe.</summary>
    public int Index { get; }

    /// <summary>Its settings.</summary>
    public StageRecipe Recipe { get; }

    /// <summary>The model.</summary>
    public FusionModel Model { get; }

    /// <summary>The optimizer of everything that <see cref="Matrices"/> does not take.</summary>
    public AdamW Optimizer { get; }

    /// <summary>The optimizer of matrices between features; of none with <see cref="OptimizerKind.AdamW"/>.</summary>
    public Muon Matrices { get; }

    /// <summary>The running average of the weights, if the stage keeps one.</summary>
    public WeightAverage? Average { get; }

    /// <summary>Steps done.</summary>
    public int Step { get; set; }

    /// <summary>The step after which the validation sources were last measured; 0 for none.</summary>
    public int MeasuredStep { get; set; }

    /// <summary>All tensors of a checkpoint by name: <c>weights.*</c>, <c>optimizer.*</c>, <c>average.*</c>.</summary>
    public IEnumerable<(string Name, Tensor Value)> Tensors()
    {
        foreach (var parameter in Model.Parameters.All) yield return ($"weights.{parameter.Path}", parameter.Value);
        foreach (var (name, value) in Optimizer.State()) yield return ($"optimizer.{name}", value);
        foreach (var (name, value) in Matrices.State()) yield return ($"optimizer.{name}", value);
        foreach (var (name, value) in Average?.State() ?? []) yield return ($"average.{name}", value);
    }

    /// <summary>One update of everything that is trainable; gradients are multiplied by <paramref name="gradientScale"/> first.</summary>
    public void Update(double learningRate, double gradientScale)
    {
        Optimizer.Step(learningRate, gradientScale);
        Matrices.Step(learningRate, gradientScale);
    }

    /// <summary>Frees optimizers and averages; the model stays.</summary>
    public void Dispose()
    {
        Model.Parameters.ClearGradients();
        Optimizer.Dispose();
        Matrices.Dispose();
        Average?.Dispose();
    }

    /// <summary>Makes everything trainable but what the stage freezes.</summary>
    internal static void Freeze(StageRecipe recipe, int index, FusionModel model)
    {
        model.Parameters.SetTrainable("", true);
        foreach (var prefix in recipe.Freeze)
        {
            if (model.Parameters.SetTrainable(prefix, false) == 0)
                throw new SightlineException(ErrorKind.BadRecipe, $"stages[{index}].freeze names '{prefix}', but no parameter's path starts so");
        }
    }

    /// <summary>The factor of the longest prefix that fits: a part of a part may differ from it.</summary>
    private double Factor(Parameter parameter)
    {
        var (factor, longest) = (1.0, -1);
        foreach (var (prefix, own) in Recipe.LearningRateFactors)
        {
            if (prefix.Length > longest && parameter.Path.StartsWith(prefix, StringComparison.Ordinal)) (factor, longest) = (own, prefix.Length);
        }

        return factor;
    }
}
