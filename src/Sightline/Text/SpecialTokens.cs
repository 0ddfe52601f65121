using System.Collections.Frozen;

namespace Sightline.Text;

/// <summary>The ids of the tokens that carry structure; null where the vocabulary has none.</summary>
public sealed record SpecialTokens
{
    /// <summary>Fills a batch.</summary>
    public int? Pad { get; init; }

    /// <summary>Stands for what the vocabulary cannot spell.</summary>
    public int? Unknown { get; init; }

    /// <summary>Starts a text.</summary>
    public int? Begin { get; init; }

    /// <summary>Ends a text; a generation stops here.</summary>
    public int? End { get; init; }

    /// <summary>BERT's first token, whose state sums up the text.</summary>
    public int? Classification { get; init; }

    /// <summary>BERT's token between and after texts.</summary>
    public int? Separator { get; init; }

    /// <summary>BERT's blank.</summary>
    public int? Mask { get; init; }

    /// <summary>All special ids: what decoding leaves out when asked to.</summary>
    public FrozenSet<int> All { get; init; } = FrozenSet<int>.Empty;
}
