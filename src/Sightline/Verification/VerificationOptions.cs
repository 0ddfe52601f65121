using Sightline.Models.QwenVl;

namespace Sightline.Verification;

/// <summary>How a model is verified.</summary>
public sealed record VerificationOptions
{
    /// <summary>Times the tolerances for a float32 run; raise it for quantized weights.</summary>
    public double ToleranceFactor { get; init; } = 1;

    /// <summary>Whether tokens are generated too (greedily, with a key-value cache), which takes longest.</summary>
    public bool Generates { get; init; } = true;

    /// <summary>Tokenizer, template and picture settings of the model: prompts and patches are compared too, where the reference has messages and pictures.</summary>
    public QwenVlProcessor? Processor { get; init; }

    /// <summary>Tokens at which the reference's <c>generate.greedy_ids</c> end: <c>eos_token_id</c> of the model's <c>generation_config.json</c>.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [];

    /// <summary>The cases to run; empty: all.</summary>
    public IReadOnlyList<string> Cases { get; init; } = [];
}
