namespace Sightline.Text;

/// <summary>One encoded text or pair; all lists have one item a token.</summary>
public sealed record TokenizedText
{
    /// <summary>Token ids.</summary>
    public required int[] Ids { get; init; }

    /// <summary>0 for the first text and 1 for the second, as BERT's segment embedding wants it.</summary>
    public required int[] TypeIds { get; init; }

    /// <summary>1 for tokens, 0 for padding.</summary>
    public required int[] AttentionMask { get; init; }

    /// <summary>1 for special tokens that were added (padding too), 0 for tokens of the text.</summary>
    public required int[] SpecialTokensMask { get; init; }

    /// <summary>Each token's place in its own text in code points, end exclusive, as Hugging Face counts; (0, 0) for added tokens.</summary>
    public required (int Start, int End)[] Offsets { get; init; }

    /// <summary>As <see cref="Offsets"/>, in UTF-16 units: indices into the .NET string.</summary>
    public required (int Start, int End)[] CharOffsets { get; init; }
}
