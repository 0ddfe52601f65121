namespace Sightline.Generation;

/// <summary>
/// How the next token is chosen from the model's scores. The steps, their order and their bounds are those of the logits processors of
/// Hugging Face transformers (<see href="https://github.com/huggingface/transformers/blob/main/src/transformers/generation/logits_process.py"/>):
/// repetition penalty, the grammar's mask, temperature, top-k, top-p, min-p, a draw.
/// </summary>
public sealed record SamplingOptions
{
    /// <summary>Always the most likely token.</summary>
    public static SamplingOptions Greedy { get; } = new() { Temperature = 0 };

    /// <summary>Scores are divided by this before the draw; 0 takes the most likely token, without a draw.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Only the this many best tokens, and those that tie with the last of them; 0: all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the fewest best tokens whose probabilities reach this together; 1: all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Only tokens at least this many times as probable as the best; 0: all.</summary>
    public float MinP { get; init; }

    /// <summary>Scores of tokens that occur in the prompt or the answer so far: positive ones are divided by this, negative ones multiplied; 1: nothing.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Start of the request's own random stream.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether the most likely token is taken without a draw.</summary>
    public bool IsGreedy => Temperature == 0 || TopK == 1;

    /// <summary>Ends with one sentence when a value is out of range.</summary>
    /// <exception cref="SightlineException">Usage.</exception>
    public void Check()
    {
        Require(Temperature >= 0 && float.IsFinite(Temperature), nameof(Temperature), Temperature, "0 or more");
        Require(TopK >= 0, nameof(TopK), TopK, "0 (all tokens) or more");
        Require(TopP is > 0 and <= 1, nameof(TopP), TopP, "above 0 and at most 1");
        Require(MinP is >= 0 and <= 1, nameof(MinP), MinP, "from 0 to 1");
        Require(RepetitionPenalty > 0 && float.IsFinite(RepetitionPenalty), nameof(RepetitionPenalty), RepetitionPenalty, "above 0");
    }

    private static void Require<T>(bool holds, string name, T value, string range)
    {
        if (!holds) throw new SightlineException(ErrorKind.Usage, FormattableString.Invariant($"the sampling option {name} is {value}, but must be {range}"));
    }
}
