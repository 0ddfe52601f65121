using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Training.Optim;
using Sightline.Training.Recipes;

namespace Sightline.Training.Runs;

/// <summary>What a stage carries from step to step: everything that a checkpoint must hold.</summary>
public sealed class StageState : IDisposable
{
    /// <summary>Freezes what the stage freezes and makes a fresh optimizer.</summary>
    /// <param name="recipe">The stage's settings.</param>
    /// <param name="index">Its number in the recipe.</param>
    /// <param name="parameters">All parameters that any stage of the run trains: a checkpoint holds them.</param>
    /// <param name="frozen">Paths of parameters that no stage can train and that <see cref="StageOptions.Freeze"/> may name all the same.</param>
    /// <param name="options">Settings of AdamW.</param>
    public StageState(StageOptions recipe, int index, IReadOnlyList<Parameter> parameters, IEnumerable<string>? frozen = null, AdamWOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(parameters);
        (Index, Recipe, Parameters) = (index, recipe, parameters);
        Freeze(recipe, index, parameters, frozen);

        foreach (var prefix in Recipe.LearningRateFactors.Keys)
        {
            if (!parameters.Any(parameter => parameter.Path.StartsWith(prefix, StringComparison.Ordinal)))
                throw new SightlineException(ErrorKind.BadRecipe, $"stages[{index}].learning_rate_factors names '{prefix}', but no parameter's path starts so");
        }

        var matrices = Recipe.Optimizer == OptimizerKind.Muon ? parameters.Where(Muon.Takes).ToHashSet() : [];
        Matrices = new Muon(matrices, Factor, _ => Recipe.WeightDecay);
        Optimizer = new AdamW(parameters.Where(parameter => !matrices.Contains(parameter)), options ?? new AdamWOptions(Beta2: 0.98), Factor, parameter => parameter.Decays ? Recipe.WeightDecay : 0);
        Average = Recipe.AverageDecay > 0 ? new WeightAverage(parameters) : null;
    }

    /// <summary>Which stage of the recipe.</summary>
    public int Index { get; }

    /// <summary>Its settings.</summary>
    public StageOptions Recipe { get; }

    /// <summary>All parameters that the run trains.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The optimizer of everything that <see cref="Matrices"/> does not take.</summary>
    public AdamW Optimizer { get; }

    /// <summary>The optimizer of matrices between features; of none with <see cref="OptimizerKind.AdamW"/>.</summary>
    public Muon Matrices { get; }

    /// <summary>The running average of the weights, if the stage keeps one.</summary>
    public WeightAverage? Average { get; }

    /// <summary>The weights that the stage began with, if it holds on to them (the reference of a KL penalty).</summary>
    public WeightAverage? Reference { get; private set; }

    /// <summary>Steps done.</summary>
    public int Step { get; set; }

    /// <summary>The step after which the validation sources were last measured; 0 for none.</summary>
    public int MeasuredStep { get; set; }

    /// <summary>How often the stage went back to a checkpoint; part of what is drawn at random, so that it does not run into the same again.</summary>
    public int Rollbacks { get; set; }

    /// <summary>Numbers that the stage remembers from step to step, by name.</summary>
    public Dictionary<string, double> Figures { get; } = new(StringComparer.Ordinal);

    /// <summary>Holds on to the weights as they are now. Before <see cref="RunCheckpoint.Restore"/>, which puts back those that were held on to.</summary>
    public void HoldReference() => Reference ??= new WeightAverage(Parameters);

    /// <summary>All tensors of a checkpoint by name: <c>weights.*</c>, <c>optimizer.*</c>, <c>average.*</c>, <c>reference.*</c>.</summary>
    public IEnumerable<(string Name, Tensor Value)> Tensors()
    {
        foreach (var parameter in Parameters) yield return ($"weights.{parameter.Path}", parameter.Value);
        foreach (var (name, value) in Optimizer.State()) yield return ($"optimizer.{name}", value);
        foreach (var (name, value) in Matrices.State()) yield return ($"optimizer.{name}", value);
        foreach (var (name, value) in Average?.State() ?? []) yield return ($"average.{name}", value);
        foreach (var (name, value) in Reference?.State() ?? []) yield return ($"reference.{name}", value);
    }

    /// <summary>One update of everything that is trainable; gradients are multiplied by <paramref name="gradientScale"/> first.</summary>
    public void Update(double learningRate, double gradientScale)
    {
        Optimizer.Step(learningRate, gradientScale);
        Matrices.Step(learningRate, gradientScale);
    }

    /// <summary>Clips the gradients of a step, updates, and forgets them. Returns the norm before the clip.</summary>
    /// <param name="learningRate">The largest rate of any part.</param>
    /// <param name="divisor">What gradients are to be divided by: backward passes of a mean.</param>
    /// <param name="check">Told the norm before anything is changed; may throw.</param>
    public double ClipAndUpdate(double learningRate, double divisor, Action<double> check)
    {
        ArgumentNullException.ThrowIfNull(check);
        var norm = GradientClipping.Norm(Parameters) / divisor;
        check(norm);
        Update(learningRate, GradientClipping.Coefficient(norm, Recipe.GradientClip) / divisor);
        ClearGradients();
        return norm;
    }

    /// <summary>Drops all gradients.</summary>
    public void ClearGradients()
    {
        foreach (var parameter in Parameters) parameter.Value.ClearGrad();
    }

    /// <summary>Frees optimizers and averages; the model stays.</summary>
    public void Dispose()
    {
        ClearGradients();
        Optimizer.Dispose();
        Matrices.Dispose();
        Average?.Dispose();
        Reference?.Dispose();
    }

    /// <summary>Makes everything trainable but what the stage freezes.</summary>
    internal static void Freeze(StageOptions recipe, int index, IReadOnlyList<Parameter> parameters, IEnumerable<string>? frozen = null)
    {
        foreach (var parameter in parameters) parameter.Value.RequiresGrad = true;
        foreach (var prefix in recipe.Freeze)
        {
            var found = false;
            foreach (var parameter in parameters.Where(parameter => parameter.Path.StartsWith(prefix, StringComparison.Ordinal))) (found, parameter.Value.RequiresGrad) = (true, false);
            if (!found && frozen?.Any(path => path.StartsWith(prefix, StringComparison.Ordinal)) != true)
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
