using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors.Autograd;
using Sightline.Verification;

namespace Sightline.Quantization;

/// <summary>How close a quantized language model stays to the one it was made from, on the prompts of a reference.</summary>
public static class AnswerCheck
{
    /// <summary>Runs both on every case.</summary>
    /// <param name="model">The folder with full weights.</param>
    /// <param name="quantized">The folder that was made from it.</param>
    /// <param name="reference">Prompts and pictures.</param>
    /// <param name="tokens">Tokens generated for each prompt, greedily and past any end.</param>
    /// <param name="float32">Also with the rounded weights in float32 and so with float32 activations: what is left then is the weights' part.</param>
    /// <param name="progress">Told what runs.</param>
    /// <param name="cancellation">Noticed within a token.</param>
    /// <exception cref="SightlineException">NotFound, BadModel, BadData: something is missing, damaged, or of other sizes.</exception>
    public static IReadOnlyList<AnswerAgreement> Run(string model, string quantized, ReferenceFolder reference, int tokens = 256, bool float32 = false, Action<string>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokens);
        using var inference = Tape.NoGrad();
        // one model at a time in memory: what the first one said is kept
        List<Spoken> spoken;
        using (var full = QwenVlModel.Load(model, cancellation: cancellation)) spoken = [.. reference.Cases.SelectMany(name => Speak(full.Model, reference, name, tokens, null, progress, cancellation))];
        var results = new List<AnswerAgreement> { Compare("as quantized", WeightPlan.AsStored) };
        if (float32) results.Add(Compare("float32 activations", new WeightPlan(WeightFormat.Float32)));
        return results;

        AnswerAgreement Compare(string what, WeightPlan plan)
        {
            using var other = QwenVlModel.Load(quantized, plan, cancellation: cancellation);
            var theirs = reference.Cases.SelectMany(name => Speak(other.Model, reference, name, tokens, spoken, progress, cancellation)).ToList();
            return AnswerAgreement.Of(what, spoken, theirs, other.Model.Sizes.VocabularySize);
        }
    }

    private static IEnumerable<Spoken> Speak(QwenVlModel model, ReferenceFolder reference, string name, int tokens, List<Spoken>? first, Action<string>? progress, CancellationToken cancellation)
    {
        progress?.Invoke($"case {name}");
        using var stored = reference.OpenCase(name);
        using var inputs = CaseInputs.Encode(model, reference, stored, cancellation);
        var answers = inputs.Greedy(model, tokens, cancellation);
        for (var b = 0; b < answers.Length; b++)
        {
            // both models judge the same tokens, those of the full weights
            cancellation.ThrowIfCancellationRequested();
            var judged = first?.Find(other => other.Case == name && other.Prompt == b)?.Answer ?? answers[b];
            yield return new Spoken(name, b, answers[b], inputs.AnswerLogits(model, b, judged));
        }
    }
}

/// <summary>What a model said to a prompt, and its scores over an answer that is the same for all.</summary>
internal sealed record Spoken(string Case, int Prompt, int[] Answer, float[] Logits);

/// <summary>How far a variant of a model is from the full one, over the answers of the full one.</summary>
/// <param name="Variant">Which.</param>
/// <param name="LargestLogitError">Largest difference of a score.</param>
/// <param name="MeanLogitError">Mean difference of a score.</param>
/// <param name="LogitDeviation">Standard deviation of the full model's scores within a step, averaged: the size to hold errors against.</param>
/// <param name="NextTokenAgreement">Share of steps of the full model's answers at which both find the same token most probable.</param>
/// <param name="GreedyAgreement">Share of tokens that are equal, place by place, when each goes its own way.</param>
/// <param name="TokensBeforeDifference">How many tokens answers share before they part, on average.</param>
/// <param name="Tokens">Steps compared.</param>
public sealed record AnswerAgreement(
    string Variant, double LargestLogitError, double MeanLogitError, double LogitDeviation, double NextTokenAgreement, double GreedyAgreement, double TokensBeforeDifference, int Tokens)
{
    internal static AnswerAgreement Of(string variant, List<Spoken> full, List<Spoken> other, int vocabulary)
    {
        var (largest, sum, deviation, steps, same, equal, shared) = (0.0, 0.0, 0.0, 0, 0, 0, 0);
        for (var i = 0; i < full.Count; i++)
        {
            for (var at = 0; at < full[i].Answer.Length; at++, steps++)
            {
                ReadOnlySpan<float> a = full[i].Logits.AsSpan(at * vocabulary, vocabulary);
                ReadOnlySpan<float> b = other[i].Logits.AsSpan(at * vocabulary, vocabulary);
                var (total, squares) = (0.0, 0.0);
                for (var v = 0; v < vocabulary; v++)
                {
                    var difference = Math.Abs((double)b[v] - a[v]);
                    if (!(difference <= largest)) largest = difference;
                    sum += difference;
                    total += a[v];
                    squares += (double)a[v] * a[v];
                }

                deviation += Math.Sqrt(Math.Max(0, (squares / vocabulary) - (total / vocabulary * (total / vocabulary))));
                if (Best(a) == Best(b)) same++;
                if (full[i].Answer[at] == other[i].Answer[at]) equal++;
            }

            shared += full[i].Answer.AsSpan().CommonPrefixLength(other[i].Answer);
        }

        return new AnswerAgreement(variant, largest, sum / steps / vocabulary, deviation / steps, (double)same / steps, (double)equal / steps, (double)shared / full.Count, steps);
    }

    private static int Best(ReadOnlySpan<float> scores)
    {
        var best = 0;
        for (var v = 1; v < scores.Length; v++) best = scores[v] > scores[best] ? v : best;
        return best;
    }
}
