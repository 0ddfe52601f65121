using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Training.Distributed;
using Sightline.Training.Optim;
using Sightline.Training.Recipes;

namespace Sightline.Training.Runs;

/// <summary>
/// What a stage carries from step to step: everything that a checkpoint must hold. Of several processes each has all weights, and the moments, averages and reference of its
/// own part of them (<see cref="ParameterShards"/>).
/// </summary>
public sealed class StageState : IDisposable
{
    private readonly Communicator _ranks;
    private readonly ParameterShards _shards;

    /// <summary>Freezes what the stage freezes and makes a fresh optimizer.</summary>
    /// <param name="recipe">The stage's settings.</param>
    /// <param name="index">Its number in the recipe.</param>
    /// <param name="parameters">All parameters that any stage of the run trains: a checkpoint holds them.</param>
    /// <param name="frozen">Paths of parameters that no stage can train and that <see cref="StageOptions.Freeze"/> may name all the same.</param>
    /// <param name="options">Settings of AdamW.</param>
    /// <param name="ranks">The processes that train together; null: this one alone.</param>
    public StageState(StageOptions recipe, int index, IReadOnlyList<Parameter> parameters, IEnumerable<string>? frozen = null, AdamWOptions? options = null, Communicator? ranks = null)
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

        _ranks = ranks ?? Communicator.Alone;
        var isMuon = Recipe.Optimizer == OptimizerKind.Muon;
        var average = Recipe.AverageDecay > 0 ? 1 : 0;
        _shards = new ParameterShards(parameters, _ranks, parameter => (isMuon && Muon.Takes(parameter) ? 1 : 2) + average);
        var matrices = isMuon ? _shards.Own.Where(Muon.Takes).ToHashSet() : [];
        Matrices = new Muon(matrices, Factor, _ => Recipe.WeightDecay);
        Optimizer = new AdamW(_shards.Own.Where(parameter => !matrices.Contains(parameter)), options ?? new AdamWOptions(Beta2: 0.98), Factor, parameter => parameter.Decays ? Recipe.WeightDecay : 0);
        Average = Recipe.AverageDecay > 0 ? new WeightAverage(_shards.Own, _shards.ShareWeights) : null;
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
    public void HoldReference() => Reference ??= new WeightAverage(_shards.Own, _shards.ShareWeights);

    /// <summary>This process's tensors of a checkpoint by name: <c>weights.*</c>, <c>optimizer.*</c>, <c>average.*</c>, <c>reference.*</c>.</summary>
    public IEnumerable<(string Name, Tensor Value)> Tensors() => Parameters.Select(parameter => ($"weights.{parameter.Path}", parameter.Value)).Concat(Shard());

    /// <summary>Those of <see cref="Tensors"/> that no other process has.</summary>
    internal IEnumerable<(string Name, Tensor Value)> Shard()
    {
        foreach (var (name, value) in Optimizer.State()) yield return ($"optimizer.{name}", value);
        foreach (var (name, value) in Matrices.State()) yield return ($"optimizer.{name}", value);
        foreach (var (name, value) in Average?.State() ?? []) yield return ($"average.{name}", value);
        foreach (var (name, value) in Reference?.State() ?? []) yield return ($"reference.{name}", value);
    }

    /// <summary>One update of everything that is trainable and this process's; gradients are multiplied by <paramref name="gradientScale"/> first.</summary>
    public void Update(double learningRate, double gradientScale)
    {
        Optimizer.Step(learningRate, gradientScale);
        Matrices.Step(learningRate, gradientScale);
    }

    /// <summary>Adds up the gradients of all processes, clips them, updates, and forgets them. Returns the norm before the clip.</summary>
    /// <param name="learningRate">The largest rate of any part.</param>
    /// <param name="divisor">What gradients are to be divided by: backward passes of a mean.</param>
    /// <param name="check">Told the norm before anything is changed; may throw.</param>
    public double ClipAndUpdate(double learningRate, double divisor, Action<double> check)
    {
        ArgumentNullException.ThrowIfNull(check);
        _shards.SumGradients();
        var norm = _shards.Norm() / divisor;
        check(norm);
        Update(learningRate, GradientClipping.Coefficient(norm, Recipe.GradientClip) / divisor);
        ClearGradients();
        _shards.ShareWeights();
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
