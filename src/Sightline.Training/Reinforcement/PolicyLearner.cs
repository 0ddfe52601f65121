using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Training.Distributed;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Reinforcement;

/// <summary>What an update's forward passes showed.</summary>
/// <param name="Loss">The loss of the whole update.</param>
/// <param name="Kl">Mean KL to the reference, nats a token.</param>
/// <param name="Clipped">Share of tokens without a gradient since their ratio is outside of the range.</param>
/// <param name="LargestDifference">The largest |ln π of the learner - ln π of the sampler|: 0 with the same weights.</param>
/// <param name="SecondsForward">Time of the forward passes.</param>
/// <param name="SecondsBackward">Time of the backward passes.</param>
internal readonly record struct PolicyFigures(double Loss, double Kl, double Clipped, double LargestDifference, double SecondsForward, double SecondsBackward);

/// <summary>
/// Forward and backward passes over the answers of a step, in pieces that fit into memory. A piece holds answers of one problem or several; those of one problem
/// share its prompt. Pieces change nothing: losses are divided by the totals of the whole step, over all ranks.
/// </summary>
internal sealed class PolicyLearner : IDisposable
{
    private readonly TunedModel _model;
    private readonly PolicyLossOptions _options;
    private readonly LanguageStageRecipe _recipe;
    private readonly IReadOnlyList<IReadOnlyList<(RolloutGroup Group, IReadOnlyList<Rollout> Answers)>> _pieces;
    private readonly PolicyLossTotals _totals;
    private readonly PictureCache _pictures;
    private readonly TimeProvider _clock;
    private readonly Communicator _ranks;

    public PolicyLearner(
        TunedModel model, IReadOnlyList<RolloutGroup> groups, PolicyLossOptions options, LanguageStageRecipe recipe, RolloutSampler? sampler = null, TimeProvider? clock = null, Communicator? ranks = null)
    {
        (_model, _options, _recipe, _clock, _ranks) = (model, options, recipe, clock ?? TimeProvider.System, ranks ?? Communicator.Alone);
        _pictures = new PictureCache(model, sampler);
        model.Network.RecomputesLayers = recipe.Recompute;
        _pieces = Pieces(groups, recipe.Batch == 0 ? int.MaxValue : recipe.Batch);
        var own = PolicyLoss.TotalsOf(groups.SelectMany(group => group.Answers).Select(answer => Scored(answer, answer.LogProbabilities, isStale: false)));
        _totals = new PolicyLossTotals(_ranks.Sum(own.Completions), _ranks.Sum(own.Tokens));
    }

    /// <summary>Fills in ln π of the reference, where there is a penalty: the adapters switched off, or the weights that the stage began with.</summary>
    public void ScoreReference(StageState state)
    {
        if (_options.Beta == 0) return;
        state.Reference?.Swap();
        try
        {
            using var off = state.Reference is null ? _model.Adapters!.Disable() : default(IDisposable);
            foreach (var piece in _pieces)
            {
                using var scope = TensorScope.Open();
                using var noGrad = Tape.NoGrad();
                // a vision tower that is trained sees pictures otherwise than the reference's
                var batch = Batch(piece, isReference: true);
                using var precision = _model.Round(_recipe.MixedPrecision);
                var values = TokenLikelihood.Score(_model.Network, batch);
                Each(piece, batch, values, (answer, own) => answer.Reference = own);
            }
        }
        finally
        {
            state.Reference?.Swap();
        }
    }

    /// <summary>Adds the gradients of this process's answers to the parameters'; figures are those of all.</summary>
    /// <param name="isStale">Whether the weights have changed since the answers were sampled: ratios are then not 1.</param>
    public PolicyFigures AddGradients(bool isStale)
    {
        var (loss, kl, clipped, tokens, difference) = (0.0, 0.0, 0.0, 0.0, 0.0);
        var (forward, backward) = (0.0, 0.0);
        foreach (var piece in _pieces)
        {
            using var scope = TensorScope.Open();
            using var tape = Tape.Record();
            var from = _clock.GetTimestamp();
            var batch = Batch(piece, isReference: false);
            using var precision = _model.Round(_recipe.MixedPrecision);
            var logProbabilities = TokenLikelihood.Compute(_model.Network, batch);
            var scored = new List<ScoredCompletion>();
            Each(piece, batch, logProbabilities.ToArray<float>(), (answer, own) =>
            {
                scored.Add(Scored(answer, own, isStale));
                for (var t = 0; t < own.Length; t++) difference = Math.Max(difference, Math.Abs((double)own[t] - answer.LogProbabilities[t]));
            });
            var result = PolicyLoss.Compute(scored, _options, _totals);
            loss += result.Loss;
            kl += result.Metrics.Kl * result.Metrics.Tokens;
            clipped += result.Metrics.Clipped * result.Metrics.Tokens;
            tokens += result.Metrics.Tokens;
            var between = _clock.GetTimestamp();
            if (double.IsFinite(result.Loss)) TokenLikelihood.Backward(tape, logProbabilities, result);
            TuningEvents.Log.Backward();
            forward += _clock.GetElapsedTime(from, between).TotalSeconds;
            backward += _clock.GetElapsedTime(between).TotalSeconds;
        }

        double[] sums = [loss, kl, clipped, tokens];
        _ranks.Sum(sums);
        return new PolicyFigures(sums[0], sums[1] / Math.Max(1, sums[3]), sums[2] / Math.Max(1, sums[3]), _ranks.Numbers(difference).Max(), forward, backward);
    }

    public void Dispose() => _pictures.Dispose();

    /// <summary>Answers in runs of at most so many, those of a problem together.</summary>
    internal static List<IReadOnlyList<(RolloutGroup Group, IReadOnlyList<Rollout> Answers)>> Pieces(IReadOnlyList<RolloutGroup> groups, int most)
    {
        var pieces = new List<IReadOnlyList<(RolloutGroup, IReadOnlyList<Rollout>)>>();
        var open = new List<(RolloutGroup, IReadOnlyList<Rollout>)>();
        var count = 0;
        foreach (var group in groups)
        {
            for (var at = 0; at < group.Answers.Count;)
            {
                // a group that would fit into a piece of its own is not cut for the sake of filling this one
                if (count > 0 && count + Math.Min(group.Answers.Count - at, most) > most)
                {
                    pieces.Add(open);
                    (open, count) = ([], 0);
                }

                var take = Math.Min(most - count, group.Answers.Count - at);
                open.Add((group, [.. group.Answers.Skip(at).Take(take)]));
                (at, count) = (at + take, count + take);
            }
        }

        if (count > 0) pieces.Add(open);
        return pieces;
    }

    private ScoredCompletion Scored(Rollout answer, float[] policy, bool isStale) => new(policy, answer.Advantage)
    {
        Old = isStale ? answer.LogProbabilities : null,
        Reference = answer.Reference,
        Counts = !(_recipe.MaskTruncated && answer.IsCut),
    };

    private TokenBatch Batch(IReadOnlyList<(RolloutGroup Group, IReadOnlyList<Rollout> Answers)> piece, bool isReference) => TokenBatch.OfGroups([.. piece.Select(part =>
        new PromptGroup(part.Group.Problem.Ids, part.Group.Problem.Layout, _pictures.Of(part.Group.Problem, isReference), [.. part.Answers.Select(answer => answer.Ids)]))]);

    private static void Each(IReadOnlyList<(RolloutGroup Group, IReadOnlyList<Rollout> Answers)> piece, TokenBatch batch, float[] values, Action<Rollout, float[]> each)
    {
        var (at, i) = (0, 0);
        foreach (var answer in piece.SelectMany(part => part.Answers))
        {
            each(answer, values[at..(at + batch.Lengths[i])]);
            at += batch.Lengths[i++];
        }
    }
}
