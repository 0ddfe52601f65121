using System.Globalization;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Training.Distributed;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Grounding;

/// <summary>
/// One optimizer step: micro-batches forward and backward, clip, update, average. <paramref name="saved"/> names the run's last checkpoint, for the
/// message of a run that stops; null, or a null name, where there is none. Of several <paramref name="ranks"/> each computes its part of the samples.
/// </summary>
internal sealed class TrainingStepRunner(
    FusionModel model, FusionProcessor processor, FusionConfig config, StageRecipe recipe, ulong seed, int stage, Func<string?>? saved = null, Communicator? ranks = null)
{
    private readonly Communicator _ranks = ranks ?? Communicator.Alone;
    private readonly GroundingLoss _boxes = new(config, recipe.Loss, recipe.Matching);
    private readonly RegionContrast _contrast = new(config, recipe.Contrast);
    private readonly Dictionary<string, float> _metrics = [];
    private readonly List<TrainingSample> _samples = [];

    /// <summary>Runs the step that comes after <see cref="StageState.Step"/> and returns its metrics.</summary>
    public IReadOnlyDictionary<string, float> Run(StageState state, StageLoader loader)
    {
        AddGradients(loader, state.Step);
        SumMetrics();
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
        if (recipe.Kind == StageKind.Contrastive)
        {
            MicroBatch[] batches = [.. loader.Pieces.Select(piece => Next(loader, piece, random))];
            AddContrastGradients(batches, ContrastPairs.Gather(_ranks, RegionContrast.Pair(_samples)), step);
            return;
        }

        foreach (var piece in loader.Pieces) Backward(Next(loader, piece, random), step);
    }

    /// <summary>Forward and backward of one micro-batch without an update, for measuring.</summary>
    public void Rehearse(IReadOnlyList<TrainingSample> samples)
    {
        using var rounded = BFloat16Products.Allow(recipe.BFloat16Products);
        var batch = new MicroBatch(samples, 0, () => new RandomStream(seed));
        if (recipe.Kind == StageKind.Contrastive) AddContrastGradients([batch], RegionContrast.Pair(samples), step: 0);
        else Backward(batch, step: 0);
    }

    /// <summary>The next micro-batch. One that is whole draws what it draws in a run of one process, at whichever rank; a part of one cannot.</summary>
    private MicroBatch Next(StageLoader loader, (int First, int Count) piece, RandomStream random)
    {
        var samples = loader.Next(piece.Count);
        _samples.AddRange(samples);
        var (micro, within) = Math.DivRem(piece.First, recipe.Batch);
        return new MicroBatch(samples, piece.First, () => within == 0 ? random.Fork((ulong)micro) : random.Fork((ulong)micro).Fork((ulong)within));
    }

    private void Backward(MicroBatch batch, int step)
    {
        using var scope = TensorScope.Open();
        using var tape = Tape.Record();
        var loss = Boxes(batch);
        RequireFinite("loss", loss.Item(), step, batch.Samples);
        tape.Backward(batch.Samples.Count == recipe.Batch ? loss : Op.Scale(loss, (float)batch.Samples.Count / recipe.Batch));
    }

    private Tensor Boxes(MicroBatch batch)
    {
        var samples = batch.Samples;
        var pictures = Pictures(samples);
        var phrases = processor.ToTensors([.. samples.Select(sample => (IReadOnlyList<string>)sample.Phrases)]);
        var loss = _boxes.Compute(model.Forward(pictures, phrases, batch.Random()), samples);
        var share = (float)samples.Count / recipe.Batch;
        Log("loss", loss.Total, share);
        Log("alignment", loss.Alignment, share);
        Log("ranking", loss.Ranking, share);
        Log("giou", loss.Giou, share);
        Log("l1", loss.L1, share);
        Log("presence", loss.Presence, share);
        return loss.Total;
    }

    /// <summary>
    /// A contrastive step, in which everything is compared with everything, whichever micro-batch or rank it is in: every rank computes the loss of all vectors, of which its
    /// own carry a gradient. Several micro-batches (Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited setup"): the vectors first, without a
    /// tape; their gradient; then each micro-batch again, to carry its vectors' gradient back.
    /// </summary>
    private void AddContrastGradients(MicroBatch[] batches, ContrastPairs pairs, int step)
    {
        using var scope = TensorScope.Open();
        if (batches is [var only])
        {
            using var whole = Tape.Record();
            var (r, p) = Embed(only, pairs);
            whole.Backward(ContrastLoss(r, p, pairs, step));
            return;
        }

        var regions = new Tensor[batches.Length];
        var phrases = new Tensor[batches.Length];
        for (var micro = 0; micro < batches.Length; micro++)
        {
            using var inner = TensorScope.Open();
            using var noGrad = Tape.NoGrad();
            (regions[micro], phrases[micro]) = Embed(batches[micro], pairs);
            inner.Keep(regions[micro]);
            inner.Keep(phrases[micro]);
        }

        var (allRegions, allPhrases) = (Op.Concat(0, regions), Op.Concat(0, phrases));
        (allRegions.RequiresGrad, allPhrases.RequiresGrad) = (true, true);
        using (var tape = Tape.Record()) tape.Backward(ContrastLoss(allRegions, allPhrases, pairs, step));

        var regionGradient = allRegions.Grad!.ReadSpan<float>();
        var phraseGradient = allPhrases.Grad!.ReadSpan<float>();
        foreach (var batch in batches)
        {
            using var inner = TensorScope.Open();
            using var tape = Tape.Record();
            var (r, p) = Embed(batch, pairs);
            tape.Backward(Op.Add(Along(r, ref regionGradient), Along(p, ref phraseGradient)));
        }
    }

    /// <summary>The loss of this rank's vectors, [r, E] and [p, E], among those of all ranks, times the accumulated batches, by which <see cref="Run"/> divides.</summary>
    private Tensor ContrastLoss(Tensor regions, Tensor phrases, ContrastPairs pairs, int step)
    {
        var (scale, bias) = (model.ContrastLogScale, model.Parameters["logit_bias"].Value);
        // every rank has the whole loss: what belongs to no vector is learned at one of them
        if (!_ranks.IsRoot) (scale, bias) = (scale.Detach(), bias.Detach());
        var loss = _contrast.Compare(AmongAll(regions), AmongAll(phrases), pairs, scale, bias);
        if (recipe.Accumulate > 1) loss = Op.Scale(loss, recipe.Accumulate);
        Log("loss", loss, 1f / _ranks.Size);
        RequireFinite("loss", loss.Item(), step, _samples);
        return loss;
    }

    /// <summary>Rows [n, E] of this rank within those of all ranks, [N, E]; only its own are on the tape.</summary>
    private Tensor AmongAll(Tensor own) => _ranks.Size == 1 ? own : Op.Concat(0, [.. _ranks.Gather(own.ToArray<float>()).Select((rows, rank) =>
        rank == _ranks.Rank ? own : Tensor.From(rows, [rows.Length / own.Shape[1], own.Shape[1]], own.Engine))]);

    /// <summary>The inner product with the next rows of a gradient: a number whose own gradient these are.</summary>
    private static Tensor Along(Tensor vectors, ref ReadOnlySpan<float> gradient)
    {
        var own = Tensor.From<float>(gradient[..(int)vectors.Count], vectors.Shape);
        gradient = gradient[(int)vectors.Count..];
        return Op.Sum(Op.Mul(vectors, own));
    }

    /// <summary>Region vectors [R, E] and phrase vectors [P, E] of a micro-batch.</summary>
    private (Tensor Regions, Tensor Phrases) Embed(MicroBatch batch, ContrastPairs pairs)
    {
        var count = batch.Samples.Count;
        var pictures = Pictures(batch.Samples);
        var phrases = processor.ToTensors([.. pairs.Phrases.Skip(batch.First).Take(count)]);
        var (regions, vectors) = model.Embed(pictures, phrases, batch.Random());
        return (_contrast.Pool(regions, pairs, batch.First, count), vectors);
    }

    /// <summary>A batch of canvases, [B, S, S, 3], in the element type that the activations are to have.</summary>
    private Tensor Pictures(IReadOnlyList<TrainingSample> samples) =>
        Op.Cast(processor.ToTensor([.. samples.Select(sample => sample.Canvas)]), recipe.MixedPrecision ? DType.BFloat16 : DType.Float32);

    /// <summary>Adds to a figure of the step.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Mean over some of the samples.</param>
    /// <param name="share">How many of a micro-batch these are.</param>
    private void Log(string name, Tensor value, float share) =>
        _metrics[name] = _metrics.GetValueOrDefault(name) + (value.Item() * share / recipe.Accumulate);

    private void SumMetrics()
    {
        if (_ranks.Size == 1) return;
        string[] names = [.. _metrics.Keys];
        var values = Array.ConvertAll(names, name => (double)_metrics[name]);
        _ranks.Sum(values);
        for (var i = 0; i < names.Length; i++) _metrics[names[i]] = (float)values[i];
    }

    private void RequireFinite(string metric, float value, int step, IReadOnlyList<TrainingSample> samples)
    {
        if (float.IsFinite(value)) return;
        var kept = saved?.Invoke() is { } file ? $"the last checkpoint, {file}, is good" : "nothing had been saved yet";
        throw new SightlineException(
            ErrorKind.RunStopped,
            string.Create(CultureInfo.InvariantCulture, $"stage {stage + 1}, step {step + 1}: the {metric} is {value}; samples: {string.Join(", ", samples.Select(sample => sample.Name))}. Lower the learning rate or look at these samples; {kept}"));
    }

    /// <summary>Samples of one pass.</summary>
    /// <param name="Samples">One at least.</param>
    /// <param name="First">Where they lie among all samples of the step.</param>
    /// <param name="Random">For what a pass draws: every pass over the batch draws the same.</param>
    private sealed record MicroBatch(IReadOnlyList<TrainingSample> Samples, int First, Func<RandomStream> Random);
}
