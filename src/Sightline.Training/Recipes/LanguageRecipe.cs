using System.Text.Json.Serialization;
using Sightline.Nn;
using Sightline.Training.Reinforcement;

namespace Sightline.Training.Recipes;

/// <summary>A run that tunes a vision-language model: supervised, by reinforcement, or one after the other. Unknown keys are errors.</summary>
public sealed record LanguageRecipe : RunRecipe
{
    /// <summary>The model to tune.</summary>
    public required LanguageModelRecipe Model { get; set; }

    /// <summary>Where problems come from; drawn in proportion to their weights.</summary>
    public required IReadOnlyList<ProblemSourceRecipe> Train { get; set; }

    /// <summary>What is measured during and after training; never trained on.</summary>
    public IReadOnlyList<ProblemSourceRecipe> Validation { get; set; } = [];

    /// <summary>The stages in order.</summary>
    public required IReadOnlyList<LanguageStageRecipe> Stages { get; set; }

    /// <inheritdoc/>
    public override IReadOnlyList<StageSummary> Course() => [.. Stages.Select(stage => new StageSummary(stage.Kind.ToString(), stage.Steps))];

    /// <inheritdoc/>
    public override string ToJson() => RecipeReader.Write(this);

    /// <inheritdoc/>
    internal override RunRecipe Comparable() => this with { Output = null, Stages = [.. Stages.Select(stage => stage with { Tripwires = new() })] };

    /// <summary>Tripwires change nothing that is computed: a run that they stopped goes on with others.</summary>
    internal override RunRecipe GoingOnAs(RunRecipe wanted) =>
        this with { Stages = [.. Stages.Zip(((LanguageRecipe)wanted).Stages, (stored, asked) => stored with { Tripwires = asked.Tripwires })] };
}

/// <summary>Which vision-language model, in which form, and which of its weights are trained.</summary>
public sealed record LanguageModelRecipe
{
    /// <summary>Folder of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL model, or the name of a pulled one.</summary>
    public required string Checkpoint { get; set; }

    /// <summary>How frozen weights are kept, as <see cref="WeightPlan.Parse"/> reads it: <c>as-stored</c>, <c>int8</c>, <c>int4,visual=int8</c>. Other than the first two only with adapters.</summary>
    public string Weights { get; set; } = "as-stored";

    /// <summary>Adapters that are trained in the place of the weights; null: the weights themselves, in float32.</summary>
    public AdapterRecipe? Adapters { get; set; }

    /// <summary>An adapter folder to go on from; rank and factor are then its own.</summary>
    public string? AdaptersFrom { get; set; }

    /// <summary>Another least number of pixels of a picture than the model's.</summary>
    public long? MinimumPixels { get; set; }

    /// <summary>Another largest number of pixels of a picture than the model's; fewer are faster.</summary>
    public long? MaximumPixels { get; set; }
}

/// <summary>Low-rank adapters (Hu et al. 2021).</summary>
public sealed record AdapterRecipe
{
    /// <summary>Channels between the two matrices.</summary>
    public int Rank { get; set; } = 16;

    /// <summary>The adapter's output is multiplied by this over the rank.</summary>
    public double Alpha { get; set; } = 32;

    /// <summary>Divide by the root of the rank in the place of the rank (rsLoRA).</summary>
    public bool RankStabilized { get; set; }

    /// <summary>Last parts of the paths of the layers.</summary>
    public IReadOnlyList<string> Targets { get; set; } = new LoraOptions().Targets;

    /// <summary>First parts of the paths of the layers: <c>model</c> is the language model, <c>visual</c> the vision tower.</summary>
    public IReadOnlyList<string> Parts { get; set; } = new LoraOptions().Parts;

    /// <summary>As the model takes them.</summary>
    public LoraOptions ToOptions() => new() { Rank = Rank, Alpha = Alpha, IsRankStabilized = RankStabilized, Targets = Targets, Parts = Parts };
}

/// <summary>What a stage does to a language model.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LanguageStageKind>))]
public enum LanguageStageKind
{
    /// <summary>The likelihood of given answers.</summary>
    Supervised,

    /// <summary>Groups of sampled answers, scored by rewards: group-relative policy optimisation.</summary>
    Reinforcement,
}

/// <summary>What becomes of a group of answers whose rewards are all the same, from which nothing can be learned.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<IdleGroups>))]
public enum IdleGroups
{
    /// <summary>Left out of the update.</summary>
    Drop,

    /// <summary>Another problem is tried in its place, a few times (Yu et al. 2025, DAPO); then left out.</summary>
    Resample,

    /// <summary>Kept: only the KL penalty acts on it, as in Visual-RFT.</summary>
    Keep,
}

/// <summary>One stage of tuning.</summary>
public sealed record LanguageStageRecipe : StageOptions
{
    /// <summary>A stage with the defaults of language models.</summary>
    public LanguageStageRecipe()
    {
        (Optimizer, LearningRate, Schedule, WarmUp) = (OptimizerKind.AdamW, 1e-5, ScheduleKind.Constant, 0);
        (WeightDecay, AverageDecay, ValidateEvery, SaveEvery) = (0, 0, 0, 20);
    }

    /// <summary>What it does.</summary>
    public required LanguageStageKind Kind { get; set; }

    /// <summary>Problems a step.</summary>
    public int Prompts { get; set; } = 4;

    /// <summary>Answers that are learned from in one forward and backward pass. It changes nothing but memory and time. 0: the most that fit.</summary>
    public int Batch { get; set; }

    /// <summary>Compute activations of each layer again in the backward pass: less memory, about a third more time.</summary>
    public bool Recompute { get; set; }

    /// <summary>
    /// Learn with the language model's activations in bfloat16; adapters, or weights that are trained, stay float32 and are rounded where they are used. Answers are sampled in float32: their
    /// log-probabilities differ a little from the learner's. The vision tower stays float32.
    /// </summary>
    public bool MixedPrecision { get; set; }

    /// <summary>Rules that score answers. In supervised stages they are measured on the validation sources only.</summary>
    public IReadOnlyList<RewardRecipe> Rewards { get; set; } = [];

    /// <summary>Answers to each problem, at least 2.</summary>
    public int Group { get; set; } = 8;

    /// <summary>Most tokens of an answer, its end token included.</summary>
    public int MaximumCompletion { get; set; } = 256;

    /// <summary>Scores of tokens are divided by this before a token is drawn.</summary>
    public float Temperature { get; set; } = 1;

    /// <summary>Draw only from the fewest best tokens whose probabilities reach this.</summary>
    public float TopP { get; set; } = 1;

    /// <summary>Draw only from so many best tokens; 0: all.</summary>
    public int TopK { get; set; }

    /// <summary>Updates from the same answers.</summary>
    public int Updates { get; set; } = 1;

    /// <summary>Which loss, a name of <see cref="PolicyLossOptions.ParseKind"/>.</summary>
    public string Loss { get; set; } = "grpo";

    /// <summary>What advantages are divided by.</summary>
    public AdvantageScaling Scale { get; set; } = AdvantageScaling.Group;

    /// <summary>Weight of the KL penalty to the weights with which the stage begins; 0: none.</summary>
    public double Beta { get; set; } = 0.04;

    /// <summary>The largest ln(π_ref / π) in the penalty's exponential.</summary>
    public double KlLimit { get; set; } = 10;

    /// <summary>How far a probability ratio may go from 1, downwards and upwards.</summary>
    public double Clip { get; set; } = 0.2;

    /// <summary>Another limit upwards; for <c>cispo</c>, which needs it, the largest weight itself, at least 1.</summary>
    public double? ClipHigh { get; set; }

    /// <summary>The largest ratio where the advantage is negative (two-sided clip).</summary>
    public double? Delta { get; set; }

    /// <summary>Answers that were cut off at <see cref="MaximumCompletion"/> are not learned from.</summary>
    public bool MaskTruncated { get; set; }

    /// <summary>What becomes of groups without spread.</summary>
    public IdleGroups Idle { get; set; } = IdleGroups.Drop;

    /// <summary>Other problems tried in the place of an idle group, with <see cref="IdleGroups.Resample"/>.</summary>
    public int Redraws { get; set; } = 2;

    /// <summary>Steps between groups that are kept for the rollout viewer; 0: none.</summary>
    public int ShowEvery { get; set; } = 10;

    /// <summary>When to stop or to go back.</summary>
    public TripwireRecipe Tripwires { get; set; } = new();

    /// <summary>The settings of the loss.</summary>
    internal PolicyLossOptions ToLossOptions() => new()
    {
        Kind = PolicyLossOptions.ParseKind(Loss),
        EpsilonLow = Clip,
        EpsilonHigh = ClipHigh ?? Clip,
        Delta = Delta,
        Beta = Beta,
        KlLimit = KlLimit,
        LongestCompletion = MaximumCompletion,
    };
}

/// <summary>One rule that scores answers.</summary>
public sealed record RewardRecipe
{
    /// <summary>Its name: <c>sightline/box_iou</c>, or one of your own.</summary>
    public required string Name { get; set; }

    /// <summary>What it is multiplied by in the sum.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>Bring it to mean 0 and deviation 1 in each group before it is weighted, so that rewards of other ranges count alike.</summary>
    public bool Normalize { get; set; }

    /// <summary>An assembly with a class of your own that has this name (<see cref="Rewards.IReward"/>).</summary>
    public string? Assembly { get; set; }
}

/// <summary>Ranges that figures of a step must stay in. A loss or gradient that is no number always trips.</summary>
public sealed record TripwireRecipe
{
    /// <summary>Largest mean KL to the reference, nats a token; null: any.</summary>
    public double? Kl { get; set; } = 10;

    /// <summary>Least mean entropy of the policy, nats a token; null: any.</summary>
    public double? Entropy { get; set; }

    /// <summary>Largest share of the best running mean of the reward that may be lost; null: all.</summary>
    public double? RewardLoss { get; set; }

    /// <summary>How often a stage of reinforcement goes back to the last checkpoint from which a step could be made, before it stops; 0: it stops at once.</summary>
    public int Rollbacks { get; set; }
}
