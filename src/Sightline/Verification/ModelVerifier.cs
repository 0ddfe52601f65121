using Sightline.Models.QwenVl;

namespace Sightline.Verification;

/// <summary>
/// Runs a Qwen-VL model on the inputs of a <see cref="ReferenceFolder"/> and compares everything that is stored there: positions, the vision tower
/// and the language model layer by layer, scores, log-probabilities of given answers, and tokens generated with a key-value cache.
/// </summary>
public static class ModelVerifier
{
    /// <summary>Compares all cases.</summary>
    /// <param name="model">The model.</param>
    /// <param name="reference">What it should give.</param>
    /// <param name="options">Tolerances and extent.</param>
    /// <param name="started">Told the name of each case before it runs.</param>
    /// <param name="cancellation">Noticed between the steps of a case.</param>
    /// <exception cref="SightlineException">NotFound, BadData or BadModel: a file of the reference is missing or damaged, or is of a model with other sizes.</exception>
    public static VerificationReport Run(
        QwenVlModel model, ReferenceFolder reference, VerificationOptions? options = null, Action<string>? started = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(reference);
        options ??= new VerificationOptions();
        foreach (var name in options.Cases)
        {
            if (!reference.Cases.Contains(name)) throw new SightlineException(ErrorKind.Usage, $"the reference {reference.Path} has no case '{name}': it has {string.Join(", ", reference.Cases)}");
        }

        var differences = new List<TensorDifference>();
        foreach (var name in reference.Cases)
        {
            if (options.Cases.Count > 0 && !options.Cases.Contains(name)) continue;
            started?.Invoke(name);
            using var stored = reference.OpenCase(name);
            using var run = new CaseRun(model, reference, stored, options, cancellation);
            differences.AddRange(run.Compare());
        }

        return new VerificationReport(differences);
    }
}
