using System.Text.Json.Serialization;

namespace Sightline.Training.Recipes;

/// <summary>The shape of the learning rate after the warm-up.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ScheduleKind>))]
public enum ScheduleKind
{
    /// <summary>Half a cosine down to zero.</summary>
    Cosine,

    /// <summary>A straight line down to zero.</summary>
    Linear,

    /// <summary>No decay.</summary>
    Constant,
}

/// <summary>How gradients become updates.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<OptimizerKind>))]
public enum OptimizerKind
{
    /// <summary>AdamW for every parameter.</summary>
    AdamW,

    /// <summary>Muon for matrices between features, AdamW for the rest.</summary>
    Muon,
}

/// <summary>What stages of every kind have: how gradients become updates, what is frozen, when is measured and saved.</summary>
public abstract record StageOptions
{
    /// <summary>Optimizer steps.</summary>
    public required int Steps { get; set; }

    /// <summary>How gradients become updates.</summary>
    public OptimizerKind Optimizer { get; set; } = OptimizerKind.Muon;

    /// <summary>Largest learning rate.</summary>
    public double LearningRate { get; set; } = 1e-3;

    /// <summary>Learning rates by parameter path prefix, as factors; of several prefixes that fit, the longest counts.</summary>
    public IReadOnlyDictionary<string, double> LearningRateFactors { get; set; } = new Dictionary<string, double>();

    /// <summary>Path prefixes that are not trained.</summary>
    public IReadOnlyList<string> Freeze { get; set; } = [];

    /// <summary>Steps of linear warm-up.</summary>
    public int WarmUp { get; set; } = 100;

    /// <summary>Decay after the warm-up.</summary>
    public ScheduleKind Schedule { get; set; } = ScheduleKind.Cosine;

    /// <summary>Decoupled weight decay of matrices.</summary>
    public double WeightDecay { get; set; } = 0.05;

    /// <summary>Largest norm of the whole gradient.</summary>
    public double GradientClip { get; set; } = 1;

    /// <summary>Decay of the running average of the weights that is measured and saved; 0 switches it off.</summary>
    public double AverageDecay { get; set; } = 0.998;

    /// <summary>Steps between measurements on the validation sources, which are also measured at the end of the stage; 0: only at the end of the run.</summary>
    public int ValidateEvery { get; set; } = 500;

    /// <summary>Steps between checkpoints.</summary>
    public int SaveEvery { get; set; } = 200;

    /// <summary>Names of the sources that this stage draws from; empty: all.</summary>
    public IReadOnlyList<string> Sources { get; set; } = [];

    /// <summary>The learning rate of a step, counted from 0.</summary>
    internal double RateAt(int step) => LearningRate * (Schedule switch
    {
        ScheduleKind.Cosine => Optim.LearningRate.Cosine(step + 1, WarmUp, Steps + 1),
        ScheduleKind.Linear => Optim.LearningRate.Linear(step + 1, WarmUp, Steps + 1),
        _ => Optim.LearningRate.Constant(step + 1, WarmUp),
    });
}
