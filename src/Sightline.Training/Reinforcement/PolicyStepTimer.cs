using Sightline.Generation;
using Sightline.Geometry;
using Sightline.Tensors;
using Sightline.Training.Data;
using Sightline.Training.Optim;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Reinforcement;

/// <summary>The sizes of a step of reinforcement that is to be measured.</summary>
public sealed record PolicyStepSizes
{
    /// <summary>Tokens of the picture.</summary>
    public int PictureTokens { get; init; } = 512;

    /// <summary>Tokens of the prompt beside the picture's, at least 3.</summary>
    public int PromptTokens { get; init; } = 128;

    /// <summary>Tokens of each answer.</summary>
    public int CompletionTokens { get; init; } = 128;

    /// <summary>Answers, at least 2.</summary>
    public int Group { get; init; } = 8;

    /// <summary>Answers in one forward and backward pass; 0: all.</summary>
    public int Batch { get; init; }

    /// <summary>Compute layers again in the backward pass.</summary>
    public bool Recompute { get; init; }

    /// <summary>Parts whose weights stay as they are, where weights are trained.</summary>
    public IReadOnlyList<string> Freeze { get; init; } = [];
}

/// <summary>Seconds of the phases of a step, and its memory.</summary>
/// <param name="Picture">The image encoder.</param>
/// <param name="Prompt">The prompt and the first token of each answer.</param>
/// <param name="Tokens">The other tokens of all answers.</param>
/// <param name="Scoring">Rewards.</param>
/// <param name="Reference">ln π of all answers under the reference.</param>
/// <param name="Forward">The learner's forward pass.</param>
/// <param name="Backward">Its backward pass.</param>
/// <param name="Update">Gradient norm and AdamW.</param>
/// <param name="SamplerDifference">The largest |ln π of the learner - ln π of the sampler|.</param>
/// <param name="PeakBytes">The most that tensors took, weights in mapped files not included.</param>
/// <param name="AllocatedBytes">Managed allocations of the step.</param>
public sealed record PolicyStepTimes(
    double Picture, double Prompt, double Tokens, double Scoring, double Reference, double Forward, double Backward, double Update, double SamplerDifference, long PeakBytes, long AllocatedBytes)
{
    /// <summary>Picture, prompt and tokens.</summary>
    public double Sampling => Picture + Prompt + Tokens;

    /// <summary>Reference, forward, backward and update.</summary>
    public double Learning => Reference + Forward + Backward + Update;

    /// <summary>The whole step.</summary>
    public double Total => Sampling + Scoring + Learning;
}

/// <summary>
/// Times one step of reinforcement as <see cref="PolicyTrainer"/> does it, with sampler, learner and optimizer of a run, on a picture and a prompt of noise. Answers do not end
/// early, and advantages are made up, so that the work depends on the sizes alone.
/// </summary>
public sealed class PolicyStepTimer : IDisposable
{
    private const int Warm = 4; // tokens of an answer in the round that does not count
    private readonly TunedModel _model;
    private readonly PolicyStepSizes _sizes;
    private readonly LanguageStageRecipe _recipe;
    private readonly PolicyLossOptions _loss;
    private readonly AnswerScorer _scorer;
    private readonly StageState _state;
    private readonly RolloutSampler _sampler;
    private readonly PreparedProblem _problem;
    private readonly TimeProvider _clock;

    /// <summary>Opens the model.</summary>
    /// <param name="model">Which, with or without adapters.</param>
    /// <param name="sizes">How much of everything.</param>
    /// <param name="clock">Measures.</param>
    /// <exception cref="SightlineException">The model cannot be opened, or the sizes do not fit it.</exception>
    public PolicyStepTimer(LanguageModelRecipe model, PolicyStepSizes sizes, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(sizes);
        (_sizes, _clock) = (sizes, clock ?? TimeProvider.System);
        _model = TunedModel.Open(model, seed: 1);
        _recipe = new LanguageStageRecipe
        {
            Kind = LanguageStageKind.Reinforcement,
            Steps = 1,
            Group = sizes.Group,
            Batch = sizes.Batch,
            Recompute = sizes.Recompute,
            MaximumCompletion = sizes.CompletionTokens,
            Freeze = sizes.Freeze,
            Rewards = [new RewardRecipe { Name = "sightline/box_iou" }, new RewardRecipe { Name = "sightline/format" }],
        };
        _loss = _recipe.ToLossOptions();
        _scorer = new AnswerScorer(_recipe.Rewards, "rewards");
        _state = new StageState(_recipe, 0, _model.Parameters, _model.Paths, new AdamWOptions());
        if (_model.Adapters is null) _state.HoldReference();
        _sampler = new RolloutSampler(_model) { StopsEarly = false };
        _problem = Problem();
    }

    /// <summary>Numbers that are trained.</summary>
    public long TrainedNumbers => _model.Parameters.Where(parameter => parameter.Value.RequiresGrad).Sum(parameter => (long)parameter.Value.Count);

    /// <summary>Bytes of all weights, mapped ones included.</summary>
    public long WeightBytes => _model.Bytes;

    /// <summary>A step with two short answers, so that everything has been compiled and touched.</summary>
    public void WarmUp(CancellationToken cancellation) => Step(2, Math.Min(Warm, _sizes.CompletionTokens), 0, cancellation);

    /// <summary>A whole step; the weights are another's after it.</summary>
    /// <param name="round">Makes answers differ from those of other rounds.</param>
    /// <param name="cancellation">Ends it without a result.</param>
    public PolicyStepTimes Step(int round, CancellationToken cancellation) => Step(_sizes.Group, _sizes.CompletionTokens, round + 1, cancellation);

    /// <summary>Frees everything.</summary>
    public void Dispose()
    {
        _sampler.Dispose();
        _state.Dispose();
        _model.Dispose();
    }

    private PolicyStepTimes Step(int answers, int tokens, int round, CancellationToken cancellation)
    {
        var memory = Engine.Default.Memory;
        memory.ResetPeak();
        var allocated = GC.GetTotalAllocatedBytes();
        _sampler.Forget(withPictures: true);
        var start = _clock.GetTimestamp();
        _sampler.Reserve([_problem], answers, tokens);
        _sampler.Encode(_problem);
        var encoded = _clock.GetTimestamp();
        var first = 0L;
        var groups = _sampler.Sample([_problem], answers, tokens, new SamplingOptions { Temperature = 1 }, (_, a) => ((ulong)round << 32) + (ulong)a, cancellation, token => first = token.Index == 0 ? _clock.GetTimestamp() : first);
        var sampled = _clock.GetTimestamp();
        foreach (var group in groups) _scorer.Score(group);
        for (var a = 0; a < answers; a++) groups[0].Answers[a].Advantage = a % 2 == 0 ? 1 : -1;
        var scored = _clock.GetTimestamp();
        using var learner = new PolicyLearner(_model, groups, _loss, _recipe, _sampler, _clock);
        learner.ScoreReference(_state);
        var referred = _clock.GetTimestamp();
        cancellation.ThrowIfCancellationRequested();
        var figures = learner.AddGradients(isStale: false);
        var learned = _clock.GetTimestamp();
        _state.ClipAndUpdate(_recipe.LearningRate, 1, norm =>
        {
            if (!double.IsFinite(norm)) throw new SightlineException(ErrorKind.RunStopped, "the gradients are not numbers: random weights of another scale are needed to measure this model");
        });
        return new PolicyStepTimes(
            Seconds(start, encoded),
            Seconds(encoded, first),
            Seconds(first, sampled),
            Seconds(sampled, scored),
            Seconds(scored, referred),
            figures.SecondsForward,
            figures.SecondsBackward,
            Seconds(learned, _clock.GetTimestamp()),
            figures.LargestDifference,
            memory.PeakBytes,
            GC.GetTotalAllocatedBytes() - allocated);
    }

    private double Seconds(long from, long to) => _clock.GetElapsedTime(from, to).TotalSeconds;

    /// <summary>Noise for a picture, then noise for words.</summary>
    private PreparedProblem Problem()
    {
        var config = _model.Network.Config;
        var grid = Grid(_sizes.PictureTokens, config.Vision.SpatialMergeSize);
        var random = new RandomStream(1);
        var values = new float[grid.Patches * config.Vision.PatchLength];
        foreach (ref var value in values.AsSpan()) value = (2 * random.NextSingle()) - 1;
        var ids = new int[_sizes.PictureTokens + _sizes.PromptTokens];
        for (var i = 0; i < ids.Length; i++) ids[i] = i < _sizes.PictureTokens ? config.ImageTokenId : Word(random, config.ImageTokenId, config.VideoTokenId, config.Text.VocabSize);
        var side = config.Vision.PatchSize;
        var (width, height) = (grid.Width * side, grid.Height * side);
        var frame = CoordinateFrame.Pixels(width, height);
        var problem = new Problem("noise", "noise") { Boxes = [new LabelledBox("noise", new Box(0, 0, side, side, frame))] };
        return new PreparedProblem(problem, "benchmark", ids, _model.Network.Lay(ids, [grid]), [new PicturePatches(values, grid)], frame, (width, height), []);
    }

    /// <summary>Any token but those that stand for pictures.</summary>
    private static int Word(RandomStream random, int image, int video, int vocabulary)
    {
        while (true)
        {
            var id = random.NextInt(vocabulary);
            if (id != image && id != video) return id;
        }
    }

    /// <summary>The squarest grid with so many tokens.</summary>
    private static PictureGrid Grid(int tokens, int merge)
    {
        var height = (int)Math.Sqrt(tokens);
        while (tokens % height != 0) height--;
        return new PictureGrid(1, height * merge, tokens / height * merge);
    }
}
