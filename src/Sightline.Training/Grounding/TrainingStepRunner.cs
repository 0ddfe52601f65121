using System.Globalization;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Grounding;

/// <summary>
/// One optimizer step: micro-batches forward and backward, clip, update, average. <paramref name="saved"/> names the run's last checkpoint, for the
/// message of a run that stops; null, or a null name, where there is none.
/// </summary>
internal sealed class TrainingStepRunner(
    FusionModel model, FusionProcessor processor, FusionConfig config, StageRecipe recipe, ulong seed, int stage, Func<string?>? saved = null)
{
    private readonly GroundingLoss _boxes = new(config, recipe.Loss, recipe.Matching);
    private readonly RegionContrast _contrast = new(config, recipe.Contrast);
    private readonly Dictionary<string, float> _metrics = [];
    private readonly List<TrainingSample> _samples = [];

    /// <summary>Runs the step that comes after <see cref="StageState.Step"/> and returns its metrics.</summary>
    public IReadOnlyDictionary<string, float> Run(StageState state, StageLoader loader)
    {
        AddGradients(loader, state.Step);
        var rate = recipe.RateAt(state.Step);
        var norm = state.ClipAndUpdate(rate, recipe.Accumulate, norm => RequireFinite("gradient norm", (float)norm, state.Step, _samples));
        // a young average follows closely, or it would remember the random start
        state.Average?.Update(Math.Min(recipe.AverageDecay, (state.Step + 1.0) / (state.Step + 10.0)));
        _metrics["gradient_norm"] = (float)norm;
        _metrics["learning_rate"] = (float)rate;
        return _metrics;
    }

    /// <summary>Forward and backward of all micro-batches of a step: leaves the sum of their gradients in the parameters.</summary>
    internal void AddGradients(StageLoader loader, int step)
    {
        _metrics.Clear();
        _samples.Clear();
        using var rounded = BFloat16Products.Allow(recipe.BFloat16Products);
        var random = new RandomStream(seed).Fork("step").Fork((ulong)((stage * 1_000_000_007L) + step));
        if (recipe.Kind == StageKind.Contrastive && recipe.Accumulate > 1)
        {
            var batches = new IReadOnlyList<TrainingSample>[recipe.Accumulate];
            for (var micro = 0; micro < batches.Length; micro++) _samples.AddRange(batches[micro] = loader.Next());
            AddContrastGradients(batches, random, step);
            return;
        }

        for (var micro = 0; micro < recipe.Accumulate; micro++)
        {
            var samples = loader.Next();
            _samples.AddRange(samples);
            Backward(samples, random.Fork((ulong)micro), step);
        }
    }

    /// <summary>Forward and backward of one micro-batch without an update, for measuring.</summary>
    public void Rehearse(IReadOnlyList<TrainingSample> samples)
    {
        using var rounded = BFloat16Products.Allow(recipe.BFloat16Products);
        Backward(samples, new RandomStream(seed), step: 0);
    }

    private void Backward(IReadOnlyList<TrainingSample> samples, RandomStream random, int step)
    {
        using var scope = TensorScope.Open();
        using var tape = Tape.Record();
        var loss = recipe.Kind == StageKind.Contrastive ? Contrast(samples, random) : Boxes(samples, random);
        RequireFinite("loss", loss.Item(), step, samples);
        tape.Backward(loss);
    }

    private Tensor Boxes(IReadOnlyList<TrainingSample> samples, RandomStream random)
    {
        var pictures = Pictures(samples);
        var phrases = processor.ToTensors([.. samples.Select(sample => (IReadOnlyList<string>)sample.Phrases)]);
        var loss = _boxes.Compute(model.Forward(pictures, phrases, random), samples);
        Log("loss", loss.Total);
        Log("alignment", loss.Alignment);
        Log("ranking", loss.Ranking);
        Log("giou", loss.Giou);
        Log("l1", loss.L1);
        Log("presence", loss.Presence);
        return loss.Total;
    }

    private Tensor Contrast(IReadOnlyList<TrainingSample> samples, RandomStream random)
    {
        var pairs = RegionContrast.Pair(samples);
        var (regions, phrases) = Embed(samples, pairs, 0, random);
        var loss = Compare(regions, phrases, pairs);
        Log("loss", loss);
        return loss;
    }

    /// <summary>
    /// A contrastive step over several micro-batches, in which everything is compared with everything as in one large batch (Gao et al. 2021,
    /// "Scaling deep contrastive learning batch size under memory limited setup"): the vectors first, without a tape; their gradient; then each
    /// micro-batch again, to carry its vectors' gradient back.
    /// </summary>
    private void AddContrastGradients(IReadOnlyList<TrainingSample>[] batches, RandomStream random, int step)
    {
        var pairs = RegionContrast.Pair(_samples);
        using var scope = TensorScope.Open();
        var regions = new Tensor[batches.Length];
        var phrases = new Tensor[batches.Length];
        for (int micro = 0, first = 0; micro < batches.Length; first += batches[micro++].Count)
        {
            using var inner = TensorScope.Open();
            using var noGrad = Tape.NoGrad();
            (regions[micro], phrases[micro]) = Embed(batches[micro], pairs, first, random.Fork((ulong)micro));
            inner.Keep(regions[micro]);
            inner.Keep(phrases[micro]);
        }

        var (allRegions, allPhrases) = (Op.Concat(0, regions), Op.Concat(0, phrases));
        (allRegions.RequiresGrad, allPhrases.RequiresGrad) = (true, true);
        using (var tape = Tape.Record())
        {
            var loss = Op.Scale(Compare(allRegions, allPhrases, pairs), recipe.Accumulate); // Run divides by it
            Log("loss", loss);
            RequireFinite("loss", loss.Item(), step, _samples);
            tape.Backward(loss);
        }

        var regionGradient = allRegions.Grad!.ReadSpan<float>();
        var phraseGradient = allPhrases.Grad!.ReadSpan<float>();
        for (int micro = 0, first = 0; micro < batches.Length; first += batches[micro++].Count)
        {
            using var inner = TensorScope.Open();
            using var tape = Tape.Record();
            var (r, p) = Embed(batches[micro], pairs, first, random.Fork((ulong)micro));
            tape.Backward(Op.Add(Along(r, ref regionGradient), Along(p, ref phraseGradient)));
        }
    }

    /// <summary>The inner product with the next rows of a gradient: a number whose own gradient these are.</summary>
    private static Tensor Along(Tensor vectors, ref ReadOnlySpan<float> gradient)
    {
        var own = Tensor.From<float>(gradient[..(int)vectors.Count], vectors.Shape);
        gradient = gradient[(int)vectors.Count..];
        return Op.Sum(Op.Mul(vectors, own));
    }

    /// <summary>Region vectors [R, E] and phrase vectors [P, E] of a micro-batch that begins with picture <paramref name="first"/> of the pairs.</summary>
    private (Tensor Regions, Tensor Phrases) Embed(IReadOnlyList<TrainingSample> samples, ContrastPairs pairs, int first, RandomStream random)
    {
        var pictures = Pictures(samples);
        var phrases = processor.ToTensors([.. pairs.Phrases.Skip(first).Take(samples.Count)]);
        var (regions, vectors) = model.Embed(pictures, phrases, random);
        return (_contrast.Pool(regions, pairs, first, samples.Count), vectors);
    }

    private Tensor Compare(Tensor regions, Tensor phrases, ContrastPairs pairs) =>
        _contrast.Compare(regions, phrases, pairs, model.ContrastLogScale, model.Parameters["logit_bias"].Value);

    /// <summary>A batch of canvases, [B, S, S, 3], in the element type that the activations are to have.</summary>
    private Tensor Pictures(IReadOnlyList<TrainingSample> samples) =>
        Op.Cast(processor.ToTensor([.. samples.Select(sample => sample.Canvas)]), recipe.MixedPrecision ? DType.BFloat16 : DType.Float32);

    private void Log(string name, Tensor value) =>
        _metrics[name] = _metrics.GetValueOrDefault(name) + (value.Item() / recipe.Accumulate);

    private void RequireFinite(string metric, float value, int step, IReadOnlyList<TrainingSample> samples)
    {
        if (float.IsFinite(value)) return;
        var kept = saved?.Invoke() is { } file ? $"the last checkpoint, {file}, is good" : "nothing had been saved yet";
        throw new SightlineException(
            ErrorKind.RunStopped,
            string.Create(CultureInfo.InvariantCulture, $"stage {stage + 1}, step {step + 1}: the {metric} is {value}; samples: {string.Join(", ", samples.Select(sample => sample.Name))}. Lower the learning rate or look at these samples; {kept}"));
    }
}
